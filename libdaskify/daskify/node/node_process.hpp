#pragma once

/// The main function of a node's process: a store, and the workers that use it.

#include "daskify/deploy/launch_variables.hpp"

namespace daskify::internal {

/// Joins the cluster, starts workers, and serves until the session ends. Ends the process.
[[noreturn]] void become_node(const node_launch& as);

} // namespace daskify::internal
