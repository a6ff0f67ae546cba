#pragma once

#include <cstdint>
#include <string>

namespace daskify::internal {

struct endpoint {
  std::string host; ///< a name or an address, IPv6 without brackets
  std::uint16_t port = 0;

  bool operator==(const endpoint&) const = default;
};

/// "127.0.0.1:4711", "[::1]:4711"
std::string to_text(const endpoint& where);

} // namespace daskify::internal
