#pragma once

/// How the processes of a session reach each other's actors.

#include "daskify/error.hpp"
#include "daskify/transport/session_folder.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>

#include <string>
#include <vector>

namespace daskify::internal {

inline constexpr auto loopback = "127.0.0.1";

/// The actor that listens at the first of the addresses that answers. `what` names it. Throws
/// cluster_error(scheduler_gone), with what each address answered.
template <class Actor>
Actor connect_to(caf::actor_system& system, const std::vector<endpoint>& addresses, const std::string& what) {
  std::string tried;
  for (const auto& address : addresses) {
    auto actor = system.middleman().remote_actor<Actor>(address.host, address.port);
    if (actor)
      return *actor;
    tried += (tried.empty() ? "" : ", ") + address.host + ":" + std::to_string(address.port) + " (" +
             caf::to_string(actor.error()) + ")";
  }
  throw cluster_error{error_code::scheduler_gone,
                      "This process reached the " + what + " at none of its addresses: " + tried +
                          "; check that the client still runs and that no firewall is between."};
}

/// A port of this host's at which `actor` can be reached. Throws cluster_error(session_failed).
template <class Actor>
endpoint publish(caf::actor_system& system, const Actor& actor, const std::string& what) {
  auto port = system.middleman().publish(actor, 0, loopback);
  if (!port)
    throw cluster_error{error_code::session_failed, "The " + what + " could not listen on " + std::string{loopback} +
                                                        " (" + caf::to_string(port.error()) +
                                                        "); check the limits on sockets and open files."};
  return {loopback, *port};
}

} // namespace daskify::internal
