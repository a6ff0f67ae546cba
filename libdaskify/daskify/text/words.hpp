#pragma once

/// Texts of words with one blank between them, as connection files and /proc have them.

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>

namespace daskify::internal {

/// Visible ASCII, and something of it.
inline bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

/// False when it is anything but the digits of one that fits.
template <class T>
bool parse_number(std::string_view text, T& value) {
  auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && stop == text.data() + text.size();
}

/// The text up to the separator; both are taken off it.
inline std::string_view take_until(std::string_view& text, char separator) {
  auto end = std::min(text.find(separator), text.size());
  auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

} // namespace daskify::internal
