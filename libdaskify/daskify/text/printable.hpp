#pragma once

/// Makes texts of unknown origin safe for a terminal. All functions here are pure and thread-safe.

#include <string>
#include <string_view>

namespace daskify::internal {

/// True for the ASCII control characters.
inline bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// Removes from `text` whatever could control a terminal: a carriage return ends a line; every other control character
/// except newline and tab, and every byte that is not UTF-8, becomes '?'. Never longer than `text`. O(size).
std::string printable(std::string_view text);

/// `text` in single quotes, for a message: control characters as \xNN, and at most the first 80 bytes, with "..." in
/// place of the rest.
std::string in_quotes(std::string_view text);

} // namespace daskify::internal
