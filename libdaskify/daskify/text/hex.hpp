#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace daskify::internal {

inline constexpr std::string_view hex_digits{"0123456789abcdef"};

/// Appends two digits.
inline void append_hex(std::string& text, unsigned char byte) {
  text += hex_digits[byte >> 4];
  text += hex_digits[byte & 15];
}

/// 16 digits.
inline std::string to_hex(std::uint64_t value) {
  std::string text;
  for (int shift = 56; shift >= 0; shift -= 8)
    append_hex(text, static_cast<unsigned char>(value >> shift));
  return text;
}

} // namespace daskify::internal
