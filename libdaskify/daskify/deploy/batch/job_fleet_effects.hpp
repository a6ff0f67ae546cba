#pragma once

#include "daskify/deploy/fleet_report.hpp"
#include "daskify/protocol/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace daskify::internal {

/// One submission; given by the job fleet core.
using submission_id = id<struct submission_tag>;

/// Why the connection of a node ended.
enum class end_cause : std::uint8_t {
  completed,     ///< its process ended without an error, and nobody had asked it to
  timed_out,     ///< at its walltime
  preempted,     ///< for another job; or suspended for long
  node_failed,   ///< the machine
  requeued,      ///< the system will start its job again
  superseded,    ///< another node came for the same job
  cancelled,     ///< by somebody else
  out_of_memory, ///< its tasks took more than the job may
  failed,        ///< its process
  unknown        ///< the system does not say
};

struct node_end {
  std::string unit;
  node_id node;
  end_cause cause = end_cause::unknown;
  bool by_infrastructure = false; ///< no task is to blame: it costs none a retry
  std::string text;               ///< a sentence
};

/// The job fleet core's only exit: what it wants done, told in the order in which it has to happen.
class job_fleet_effects {
public:
  virtual ~job_fleet_effects() = default;

  // Work that takes time; each is answered by an event, exactly once. One of each kind at a time.
  virtual void submit(submission_id request, std::size_t count) = 0; ///< `submitted` or `submit_failed`
  virtual void query(const std::vector<std::string>& units) = 0;     ///< `statuses` or `query_failed`

  // Not answered: what a query says afterwards tells whether it has worked.
  virtual void cancel(const std::vector<std::string>& units) = 0;

  /// The node shall hand back its work and leave; its end is told by `node_ended`.
  virtual void drain(const std::string& unit, node_id node) = 0;

  /// What became of a node whose connection ended, but not of one that left as it was asked to; once for each. When it
  /// was superseded its connection may still be there, and is to be cut.
  virtual void node_gone(const node_end& what) = 0;
  /// These jobs ended, or can never start, before their nodes enrolled.
  virtual void failed_start(const std::vector<std::string>& units, const std::string& sentence) = 0;
  /// Nothing runs, and nothing will unless somebody does something (or, after failed starts, after a long time).
  virtual void exhausted(const std::string& sentence) = 0;
  /// The counts have changed.
  virtual void report(const fleet_report& now) = 0;
};

} // namespace daskify::internal
