#include "daskify/text/printable.hpp"

#include "daskify/text/hex.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace daskify::internal {

namespace {

/// Length of the UTF-8 character at the front of `text`; 0 if there is none, or if it is a control character.
std::size_t printable_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  if (byte(0) < 0x80)
    return byte(0) >= 0x20 && byte(0) != 0x7f ? 1 : 0;
  std::size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length)
    return 0;
  std::uint32_t code = byte(0) & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80)
      return 0;
    code = code << 6 | (byte(i) & 0x3fU);
  }
  bool overlong = code < (length == 4 ? 0x10000U : length == 3 ? 0x800U : 0x80U);
  bool surrogate = code >= 0xd800 && code < 0xe000;
  bool control = code < 0xa0;
  return overlong || surrogate || control || code > 0x10ffff ? 0 : length;
}

} // namespace

std::string printable(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    auto rest = text.substr(i);
    if (rest.starts_with("\r\n")) {
      ++i;
    } else if (rest.front() == '\n' || rest.front() == '\t') {
      result += rest.front();
      ++i;
    } else if (rest.front() == '\r') {
      result += '\n';
      ++i;
    } else {
      auto length = printable_length(rest);
      result += length == 0 ? std::string_view{"?"} : rest.substr(0, length);
      i += std::max<std::size_t>(length, 1);
    }
  }
  return result;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest_quote = 80;
  std::string result{"'"};
  for (char c : text.substr(0, longest_quote))
    if (is_control(c))
      append_hex(result.append("\\x"), static_cast<unsigned char>(c));
    else
      result += c;
  return result += text.size() > longest_quote ? "...'" : "'";
}

} // namespace daskify::internal
