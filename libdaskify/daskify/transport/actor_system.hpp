#pragma once

/// The configuration of all actor systems of daskify.

#include <caf/actor_system_config.hpp>

namespace daskify::internal {

/// One thread and no polling: actors here only decide and forward, and user code runs elsewhere. With the sharing
/// scheduler and no extra deserialiser threads a round trip takes half as long as with CAF's defaults.
class system_config : public caf::actor_system_config {
public:
  system_config();
};

} // namespace daskify::internal
