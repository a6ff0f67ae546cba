#pragma once

#include "daskify/transport/connection.hpp"

#include <string>

namespace daskify::test {

inline internal::connection sample_connection() {
  return {.session_id = "s-1",
          .addresses = {{"node7.example.org", 4711}, {"::1", 65535}},
          .secret = std::string(64, 'a'),
          .owner = internal::this_process(),
          .build_id = "b0b1"};
}

} // namespace daskify::test
