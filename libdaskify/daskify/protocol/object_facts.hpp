#pragma once

#include "daskify/protocol/ids.hpp"

#include <cstdint>
#include <string>

namespace daskify::internal {

/// The properties of an object that are the same on every node.
struct object_facts {
  object_id object;
  std::uint64_t size = 0;     ///< bytes
  std::uint64_t checksum = 0; ///< `checksum_of_object`
  std::uint64_t type = 0;     ///< hash of the name of the type it was stored as
  std::string type_name;      ///< for messages to users

  friend bool operator==(const object_facts&, const object_facts&) = default;
};

} // namespace daskify::internal
