#pragma once

/// Looks at a standing cluster, and ends it, from outside.

#include "daskify/config/settings.hpp"
#include "daskify/protocol/endpoint.hpp"
#include "daskify/protocol/messages.hpp"
#include "daskify/protocol/store_messages.hpp"

#include <chrono>
#include <string>

namespace daskify::internal {

/// A cluster without the one who looks.
struct cluster_view {
  endpoint scheduler; ///< where it was reached
  cluster_status all;
  node_list nodes;
};

/// Attaches, asks and leaves. Throws cluster_error.
cluster_view look_at_cluster(const settings& options);

/// Asks the scheduler to end, with all that it has started, and waits for that. False when it is still ending after
/// `patience`. Throws cluster_error when it cannot be asked.
bool end_standing_cluster(const settings& options, std::chrono::milliseconds patience);

} // namespace daskify::internal
