#pragma once

#include "daskify/deploy/fleet_report.hpp"
#include "daskify/protocol/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace daskify::internal {

/// Identifies a submission; assigned by the job fleet core.
using submission_id = id<struct submission_tag>;

/// Why the connection of a node ended.
enum class end_cause : std::uint8_t {
  completed,     ///< its process ended without an error and unasked
  timed_out,     ///< at its walltime
  preempted,     ///< for another job; or suspended for long
  node_failed,   ///< the machine failed
  requeued,      ///< the system will start its job again
  superseded,    ///< another node enrolled for the same job
  cancelled,     ///< from outside
  out_of_memory, ///< its tasks took more than the job may
  failed,        ///< its process failed
  unknown        ///< not reported by the system
};

struct node_end {
  std::string unit;
  node_id node;
  end_cause cause = end_cause::unknown;
  bool by_infrastructure = false; ///< no task is to blame, and no retry is used up
  std::string text;               ///< a sentence
};

/// What the job fleet core wants done, called in the order in which it has to happen.
class job_fleet_effects {
public:
  virtual ~job_fleet_effects() = default;

  // Asynchronous work; each call is answered by exactly one event. At most one call of each kind is open.
  virtual void submit(submission_id request, std::size_t count) = 0; ///< `submitted` or `submit_failed`
  virtual void query(const std::vector<std::string>& units) = 0;     ///< `statuses` or `query_failed`

  // Not answered: a later query shows whether it has worked.
  virtual void cancel(const std::vector<std::string>& units) = 0;

  /// The node is to return its work and leave; `node_ended` follows.
  virtual void drain(const std::string& unit, node_id node) = 0;

  /// Reports, once per node, why a connection ended, unless the node left as asked. The connection of a superseded node
  /// may still exist and is to be closed.
  virtual void node_gone(const node_end& what) = 0;
  /// These jobs ended, or can never start, before their nodes enrolled.
  virtual void failed_start(const std::vector<std::string>& units, const std::string& sentence) = 0;
  /// No job runs, and none will without intervention (or, after failed starts, before the pause is over).
  virtual void exhausted(const std::string& sentence) = 0;
  /// The counts have changed.
  virtual void report(const fleet_report& now) = 0;
};

} // namespace daskify::internal
