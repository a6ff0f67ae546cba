#pragma once

#include "daskify/protocol/actors.hpp"

#include <functional>

namespace daskify::internal {

struct user_call;

/// The one crossing between threads that are no actors and actors: a user's thread, in the client's process, or that of
/// a task in a worker, posts a call, which runs on this actor and sends or requests in its name. See crossing.hpp.
using client_actor = object_listener::extend<
    /// Do this in the client's name.
    caf::reacts_to<user_call>>;

struct user_call {
  std::function<void(client_actor::pointer self)> perform;
};

/// `on_freed` is told of objects that are gone; must not block.
client_actor::behavior_type client_behavior(client_actor::pointer self,
                                            std::function<void(const std::vector<object_id>&)> on_freed);

} // namespace daskify::internal

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(daskify::internal::user_call)
