#pragma once

#include <cstdint>
#include <string_view>

namespace daskify::internal {

inline constexpr std::uint64_t fnv1a_begin = 14695981039346656037ULL;

/// FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/), of bytes that follow those of `before`. No protection
/// against intent.
constexpr std::uint64_t fnv1a(std::string_view bytes, std::uint64_t before = fnv1a_begin) noexcept {
  for (char c : bytes)
    before = (before ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return before;
}

} // namespace daskify::internal
