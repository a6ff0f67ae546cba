#pragma once

#include <cstdint>
#include <string>

namespace daskify::internal {

/// "1 byte", "17 bytes", "12.0 GiB": in units of 1024 with one decimal place, exact below 1 KiB. Pure, thread-safe.
std::string format_bytes(std::uint64_t bytes);

} // namespace daskify::internal
