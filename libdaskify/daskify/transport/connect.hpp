#pragma once

/// How the processes of a session reach each other's actors.

#include "daskify/protocol/endpoint.hpp"
#include "daskify/transport/network.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace daskify::internal {

/// An actor of another process, and how it was reached.
template <class Actor>
struct remote_peer {
  Actor actor;
  reached by;
};

/// A listener that sends nothing for this long is not a daskify process.
inline constexpr std::chrono::milliseconds handshake_timeout = std::chrono::seconds{10};

/// How long a peer that accepts the connection may stay silent: its process may be stopped.
struct connect_patience {
  std::chrono::milliseconds limit = handshake_timeout;
  std::function<bool()> is_wanted = [] { return true; }; ///< called about every second
};

namespace detail {

struct untyped_peer {
  caf::strong_actor_ptr actor;
  reached by;
};
untyped_peer connect(caf::actor_system& system, const std::vector<endpoint>& addresses,
                     const std::set<std::string>& messages, const std::string& what, const connect_patience& patience);
endpoint publish(caf::actor_system& system, const caf::strong_actor_ptr& actor, std::set<std::string> messages,
                 const std::string& what, const std::optional<std::string>& listen_at, std::uint16_t port);

} // namespace detail

/// Connects to the actor that listens at the first of the addresses that answers. `what` names the actor in errors.
/// Throws cluster_error(scheduler_gone), with the result for each address, cluster_error(other_build), and, when the
/// connection is no longer wanted, cluster_error(shut_down).
template <class Actor>
remote_peer<Actor> connect_to(caf::actor_system& system, const std::vector<endpoint>& addresses,
                              const std::string& what, const connect_patience& patience = {}) {
  auto found = detail::connect(system, addresses, system.message_types<Actor>(), what, patience);
  return {caf::actor_cast<Actor>(std::move(found.actor)), std::move(found.by)};
}

/// Publishes `actor` at one address of this machine, or at all of them; `port` 0 selects a free one. Throws
/// cluster_error(session_failed).
template <class Actor>
endpoint publish(caf::actor_system& system, const Actor& actor, const std::string& what,
                 const std::optional<std::string>& listen_at = loopback, std::uint16_t port = 0) {
  return detail::publish(system, caf::actor_cast<caf::strong_actor_ptr>(actor), system.message_types<Actor>(), what,
                         listen_at, port);
}

} // namespace daskify::internal
