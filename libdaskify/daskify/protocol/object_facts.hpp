#pragma once

#include "daskify/protocol/ids.hpp"

#include <cstdint>
#include <string>

namespace daskify::internal {

/// What is true of an object on every node.
struct object_facts {
  object_id object;
  std::uint64_t size = 0;     ///< bytes
  std::uint64_t checksum = 0; ///< `checksum_of_object`
  std::uint64_t type = 0;     ///< hash of the name of the type it was stored as
  std::string type_name;      ///< for people

  friend bool operator==(const object_facts&, const object_facts&) = default;
};

} // namespace daskify::internal
