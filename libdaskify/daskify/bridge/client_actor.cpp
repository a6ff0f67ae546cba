#include "daskify/bridge/client_actor.hpp"

namespace daskify::internal {

client_actor::behavior_type client_behavior(client_actor::pointer self, client_events events) {
  return {
      [self](user_call& call) { call.perform(self); },
      [events](const objects_freed& msg) { events.on_freed(msg.objects); },
      [events](unattended_ended& ended) {
        if (events.on_unattended_ended)
          events.on_unattended_ended(ended);
      },
  };
}

} // namespace daskify::internal
