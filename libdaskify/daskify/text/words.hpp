#pragma once

/// Parses texts of words separated by single blanks, as in connection files and /proc.

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>

namespace daskify::internal {

/// Non-empty, and visible ASCII only.
inline bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

/// Returns false unless the whole text is a number that fits into `value`.
template <class T>
bool parse_number(std::string_view text, T& value) {
  auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && stop == text.data() + text.size();
}

/// Returns the text up to the separator; removes both from `text`.
inline std::string_view take_until(std::string_view& text, char separator) {
  auto end = std::min(text.find(separator), text.size());
  auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

} // namespace daskify::internal
