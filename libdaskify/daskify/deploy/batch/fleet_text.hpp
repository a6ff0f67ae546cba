#pragma once

/// Describes a fleet of jobs in words. All functions here are pure and thread-safe.

#include "daskify/deploy/batch/job_fleet_effects.hpp"
#include "daskify/deploy/fleet_report.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace daskify::internal {

/// What a sentence about a fleet says besides the counts.
struct fleet_situation {
  std::size_t being_submitted = 0; ///< submitted jobs whose submission is still open
  std::size_t suspended = 0;       ///< lost nodes whose job is suspended
  bool stopped = false;
  std::chrono::seconds paused_for{0}; ///< 0: the fleet does not pause
  bool probing = false;               ///< the fleet tries one job
  std::string problem;                ///< why the fleet pauses, or tries one job
  std::string refusal;                ///< of the last submission; "": the system took it
  bool losing_early = false;          ///< jobs that ended early are replaced with growing delay
  bool withdrawn = false;             ///< jobs were cancelled from outside
  std::string silence;                ///< why the system does not answer queries; "": it does
};

/// "2 of 3 jobs at work, 1 pending (Resources)."
std::string to_sentence(const fleet_report& counts, const fleet_situation& situation);

/// Why the node of a job of `system` has ended: "its job was preempted".
std::string in_words(end_cause cause, const std::string& system);

/// "Job 7", "Jobs 7, 8, 9 and 12 more"
std::string names_in_words(const std::vector<std::string>& ids);

/// "300 s" as "5 min".
std::string in_words(std::chrono::milliseconds time);

} // namespace daskify::internal
