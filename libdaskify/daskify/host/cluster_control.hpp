#pragma once

/// Inspects a standing cluster, and ends it, from outside.

#include "daskify/config/settings.hpp"
#include "daskify/protocol/endpoint.hpp"
#include "daskify/protocol/messages.hpp"
#include "daskify/protocol/store_messages.hpp"

#include <chrono>
#include <string>

namespace daskify::internal {

/// The state of a cluster, without the client that inspects it.
struct cluster_view {
  endpoint scheduler; ///< where it was reached
  cluster_status all;
  node_list nodes;
};

/// Attaches, requests the state and detaches. Throws cluster_error.
cluster_view look_at_cluster(const settings& options);

/// Asks the scheduler to end, with all processes that it has started, and waits for its end. Returns false if it has
/// not ended within `patience`. Throws cluster_error if the scheduler cannot be asked.
bool end_standing_cluster(const settings& options, std::chrono::milliseconds patience);

} // namespace daskify::internal
