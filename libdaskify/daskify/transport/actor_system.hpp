#pragma once

/// How every actor system of daskify is set up.

#include <caf/actor_system_config.hpp>

namespace daskify::internal {

/// One thread and no polling: actors here decide and forward, user code runs elsewhere. With the sharing scheduler and
/// no extra deserialiser threads a round trip takes half of what CAF's defaults take.
class system_config : public caf::actor_system_config {
public:
  system_config();
};

} // namespace daskify::internal
