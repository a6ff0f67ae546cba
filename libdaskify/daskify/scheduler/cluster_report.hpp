#pragma once

/// The state of a cluster, for display.

#include "daskify/deploy/deployment.hpp"
#include "daskify/protocol/messages.hpp"
#include "daskify/scheduler/member_registry.hpp"
#include "daskify/scheduler/scheduler_core.hpp"
#include "daskify/scheduler/start_calls.hpp"

namespace daskify::internal {

/// What a report is made of; all must outlive the call.
struct report_sources {
  const member_registry& members;
  const scheduler_core& core;
  const start_calls& calls;
  deployment& processes;
};

/// REQUIRES: the worker is known.
worker_entry entry_of(worker_id worker, const report_sources& from);

/// Workers, clients with their open runs, and jobs. O(number of runs); called rarely.
cluster_status report_on(const report_sources& from);

} // namespace daskify::internal
