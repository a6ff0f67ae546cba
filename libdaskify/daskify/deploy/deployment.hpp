#pragma once

/// Starts, replaces and stops the processes of a cluster.

#include "daskify/config/settings.hpp"
#include "daskify/deploy/fleet_report.hpp"
#include "daskify/protocol/messages.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace daskify::internal {

/// The session's settings for a deployment, and the deployment's callbacks.
struct deployment_setup {
  settings options;
  std::string session_folder;
  std::string log_folder;
  std::string program_name;      ///< argv[0] of this program
  std::uint64_t store_limit = 0; ///< bytes per node on this machine
  // Called from any thread; must not block.
  std::function<void(worker_exited)> on_worker_exited;
  std::function<void(const std::string& reason)> on_exhausted; ///< no worker is left, and none can be started
  std::function<void(std::uint32_t slot)> on_node_unwanted;    ///< the node is to return its work and leave
  std::function<void(std::uint32_t slot, std::chrono::milliseconds left)>
      on_node_time_left; ///< until the node ends by itself
  /// The node was lost through no fault of its tasks.
  std::function<void(std::uint32_t slot, error_code code, const std::string& how)> on_node_lost;
  /// The state of the jobs while the start waits for them, as lines. Called on the waiting thread; may block.
  std::function<void(const std::string& lines)> on_start_news;
};

/// How many workers a cluster can still reach.
struct worker_prospect {
  std::optional<std::size_t> most; ///< at a time; nothing: any number, because more may join
  std::string why;                 ///< a sentence, if `most` is less than was configured
  std::string_view limit = "size"; ///< the option that allows more
};

/// Thread-safe.
class deployment {
public:
  virtual ~deployment() = default;

  /// Throws cluster_error, also when the processes that it started will never be ready.
  virtual void start() = 0;
  /// Blocks until the workers that option start_when requires are ready; the others may enrol later. Throws
  /// cluster_error with the reason at the latest after option start_timeout plus, for pending jobs, queue_timeout.
  virtual void wait_until_ready() = 0;

  // Events of the scheduler, called on its actor's thread; must not block. By default there is nothing to do: nodes
  // notice the ends of their workers, and a node ends itself when the scheduler is silent.

  virtual void worker_enrolled(const enrol_request& /*who*/) {}
  virtual void worker_refused(const enrol_request& who, const std::string& reason) = 0;
  /// The scheduler gave up the worker; the process may still be alive and has to be ended.
  virtual void worker_silent(std::uint32_t /*slot*/, std::int32_t /*pid*/) {}
  virtual void node_joined(std::uint32_t /*slot*/, const join_node& /*who*/) {}
  /// The node's workers have enrolled.
  virtual void node_ready(std::uint32_t slot) = 0;
  virtual void node_refused(const join_node& who, const std::string& reason) = 0;
  virtual void node_silent(std::uint32_t /*slot*/, std::int32_t /*pid*/) {}
  /// The node reports that its job is being ended from outside.
  virtual void node_leaving(std::uint32_t /*slot*/) {}
  /// The node has returned its work after drain_node, and what only it stored is on other nodes.
  virtual void node_drained(std::uint32_t /*slot*/) {}
  /// The node's connection has ended.
  virtual void node_left(std::uint32_t /*slot*/) {}

  /// Whether the deployment adapts to the work; `demand` is then called about once a second.
  virtual bool is_adaptive() const { return false; }
  /// `threads`: threads that could be busy; `workers`: workers that clients wait for; `idle_nodes`: nodes without work.
  virtual void demand(std::uint64_t /*threads*/, std::uint64_t /*workers*/,
                      const std::vector<std::uint32_t>& /*idle_nodes*/) {}

  virtual worker_prospect prospect() { return {}; }

  /// The job counts; nothing for a deployment without jobs.
  virtual std::optional<fleet_report> jobs() { return std::nullopt; }

  /// Stops starting processes and cancels wait_until_ready.
  virtual void stop_replacing() = 0;
  /// Waits for a graceful exit, then kills the remaining processes.
  virtual void end_all() = 0;
};

} // namespace daskify::internal
