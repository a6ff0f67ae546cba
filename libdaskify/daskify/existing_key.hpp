#pragma once

#include <cstdint>

namespace daskify {

/// How to handle a key that is in use.
enum class existing_key : std::uint8_t {
  refuse,
  replace ///< the older data lose the key, and are kept only as long as there are references to them
};

} // namespace daskify
