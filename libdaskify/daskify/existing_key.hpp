#pragma once

#include <cstdint>

namespace daskify {

/// What to do about a key that is in use.
enum class existing_key : std::uint8_t {
  refuse,
  replace ///< the older data lose the key, and live on only as long as references to them are held
};

} // namespace daskify
