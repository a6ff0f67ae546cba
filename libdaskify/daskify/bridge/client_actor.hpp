#pragma once

#include "daskify/protocol/actors.hpp"

#include <functional>

namespace daskify::internal {

struct user_call;

/// The actor through which all other threads reach actors: a thread of the user, in the client's process, or of a task,
/// in a worker, posts a call, which runs on this actor and sends or requests in its name. See actor_bridge.hpp.
using client_actor = client_listener::extend<
    /// Performs the call in the client's name.
    caf::reacts_to<user_call>>;

struct user_call {
  std::function<void(client_actor::pointer self)> perform;
};

/// Events that the actor passes on to its process. Called on the actor's thread: must not block.
struct client_events {
  std::function<void(const std::vector<object_id>&)> on_freed; ///< freed objects
  std::function<void(unattended_ended&)> on_unattended_ended;  ///< empty if no unattended runs are submitted
};

client_actor::behavior_type client_behavior(client_actor::pointer self, client_events events);

} // namespace daskify::internal

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(daskify::internal::user_call)
