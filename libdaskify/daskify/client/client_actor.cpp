#include "daskify/client/client_actor.hpp"

namespace daskify::internal {

client_actor::behavior_type client_behavior(client_actor::pointer self,
                                            std::function<void(const std::vector<object_id>&)> on_freed) {
  return {
      [self](user_call& call) { call.perform(self); },
      [on_freed](const objects_freed& msg) { on_freed(msg.objects); },
  };
}

} // namespace daskify::internal
