#include "daskify/client/client_actor.hpp"

namespace daskify::internal {

client_actor::behavior_type client_behavior(client_actor::pointer self) {
  return {
      [self](user_call& call) { call.perform(self); },
      [](const objects_freed&) {
        // Users' threads make nothing of objects that is kept here.
      },
  };
}

} // namespace daskify::internal
