#pragma once

/// The main function of a node's process: a store, and the workers that use it.

#include "daskify/config/settings.hpp"
#include "daskify/launch/launch_variables.hpp"

namespace daskify::internal {

/// Joins the cluster, starts workers, and serves until the session ends. Ends the process.
[[noreturn]] void become_node(const node_launch& as);

/// The main function of daskify-worker, which is started by hand: joins a standing cluster with workers of its own, and
/// serves until the scheduler ends, or until SIGTERM, SIGINT or SIGHUP. After a signal it hands back its work first; a
/// second one ends it at once. Returns the exit code of the process. Throws error. REQUIRES: no other thread runs yet.
int join_cluster(const settings& with, const std::string& program_name);

} // namespace daskify::internal
