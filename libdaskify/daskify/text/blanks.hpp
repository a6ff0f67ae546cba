#pragma once

/// White space at the ends of texts. All functions here are pure and thread-safe.

#include <algorithm>
#include <string_view>

namespace daskify::internal {

inline constexpr std::string_view blanks{" \t\r\n\v\f"};

/// `text` without white space at both ends.
inline std::string_view trimmed(std::string_view text) {
  auto begin = std::min(text.find_first_not_of(blanks), text.size());
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

} // namespace daskify::internal
