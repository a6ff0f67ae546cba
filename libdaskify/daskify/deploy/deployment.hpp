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

/// What a deployment has to know of the session, and whom it tells what.
struct deployment_setup {
  settings options;
  std::string session_folder;
  std::string log_folder;
  std::string program_name;      ///< argv[0] of this program
  std::uint64_t store_limit = 0; ///< bytes, of each node on this machine
  // From any thread; must not block.
  std::function<void(worker_exited)> on_worker_exited;
  std::function<void(const std::string& reason)> on_exhausted; ///< no worker is left, and none can be started
  std::function<void(std::uint32_t slot)> on_node_unwanted;    ///< it shall hand back its work, and leave
  std::function<void(std::uint32_t slot, std::chrono::milliseconds left)>
      on_node_time_left; ///< until it ends by itself
  /// It was lost through no fault of its tasks.
  std::function<void(std::uint32_t slot, error_code code, const std::string& how)> on_node_lost;
  /// How the jobs are while the start waits for them, in lines. On the waiting thread; may take its time.
  std::function<void(const std::string& lines)> on_start_news;
};

/// How many workers a cluster may still come to have.
struct worker_prospect {
  std::optional<std::size_t> most; ///< at a time; nothing: any number, because others may join
  std::string why;                 ///< a sentence, where that is fewer than it was to have
  std::string_view limit = "size"; ///< the option that allows more
};

/// Thread-safe.
class deployment {
public:
  virtual ~deployment() = default;

  /// Throws cluster_error, also when what it began will never be ready.
  virtual void start() = 0;
  /// Blocks until the workers of option start_when are there; the others may come later. Throws cluster_error with the
  /// reason why they are not, at the latest when option start_timeout is over and, for jobs that wait, queue_timeout.
  virtual void wait_until_ready() = 0;

  // What the scheduler hears and notices, on its actor's thread: none of these blocks.

  virtual void worker_enrolled(const enrol_request& who) = 0;
  virtual void worker_refused(const enrol_request& who, const std::string& reason) = 0;
  /// It was given up: it may live, and must not.
  virtual void worker_silent(std::uint32_t slot, std::int32_t pid) = 0;
  virtual void node_joined(std::uint32_t slot, const join_node& who) = 0;
  /// Its workers have enrolled.
  virtual void node_ready(std::uint32_t slot) = 0;
  virtual void node_refused(const join_node& who, const std::string& reason) = 0;
  virtual void node_silent(std::uint32_t slot, std::int32_t pid) = 0;
  /// It says that its job is being ended from outside.
  virtual void node_leaving(std::uint32_t slot) = 0;
  /// It was to hand back its work (drain_node) and has; what only it had is elsewhere.
  virtual void node_drained(std::uint32_t slot) = 0;
  /// Its connection is gone.
  virtual void node_left(std::uint32_t slot) = 0;

  /// Whether it follows the work there is, and wants to be told by `demand` about once a second.
  virtual bool is_adaptive() const { return false; }
  /// So many threads could be busy, so many workers are waited for; these nodes have nothing to do.
  virtual void demand(std::uint64_t threads, std::uint64_t workers, const std::vector<std::uint32_t>& idle_nodes) {
    static_cast<void>(threads);
    static_cast<void>(workers);
    static_cast<void>(idle_nodes);
  }

  virtual worker_prospect prospect() { return {}; }

  /// Its jobs, where it has some.
  virtual std::optional<fleet_report> jobs() { return std::nullopt; }

  /// Stops starting processes and cancels wait_until_ready.
  virtual void stop_replacing() = 0;
  /// Waits for a graceful exit, then kills what is left.
  virtual void end_all() = 0;
};

} // namespace daskify::internal
