#pragma once

/// The state of a job, as reported by a batch system.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace daskify::internal {

enum class job_state : std::uint8_t {
  pending,     ///< waits, or is held
  configuring, ///< has its nodes, which are being booted
  running,
  suspended,
  completing, ///< ended; processes of it may still be there
  completed,
  cancelled,
  failed, ///< exit code not 0
  timed_out,
  node_failed,
  preempted,
  out_of_memory,
  boot_failed,
  past_deadline,
  requeued, ///< ended, and will be pending again
  unknown
};

/// Continues a sentence that begins with the job: "ran out of memory".
constexpr std::string_view to_string(job_state state) noexcept {
  switch (state) {
  case job_state::pending:
    return "waits";
  case job_state::configuring:
    return "starts";
  case job_state::running:
    return "runs";
  case job_state::suspended:
    return "is suspended";
  case job_state::completing:
    return "ends";
  case job_state::completed:
    return "ended";
  case job_state::cancelled:
    return "was cancelled";
  case job_state::failed:
    return "failed";
  case job_state::timed_out:
    return "timed out";
  case job_state::node_failed:
    return "lost its node";
  case job_state::preempted:
    return "was preempted";
  case job_state::out_of_memory:
    return "ran out of memory";
  case job_state::boot_failed:
    return "failed to boot";
  case job_state::past_deadline:
    return "missed its deadline";
  case job_state::requeued:
    return "was requeued";
  case job_state::unknown:
    break;
  }
  return "is in an unknown state";
}

/// Whether the job and all its processes have ended; it will not run again under this id unless it is requeued.
constexpr bool is_over(job_state state) noexcept {
  switch (state) {
  case job_state::completed:
  case job_state::cancelled:
  case job_state::failed:
  case job_state::timed_out:
  case job_state::node_failed:
  case job_state::preempted:
  case job_state::out_of_memory:
  case job_state::boot_failed:
  case job_state::past_deadline:
    return true;
  case job_state::pending:
  case job_state::configuring:
  case job_state::running:
  case job_state::suspended:
  case job_state::completing:
  case job_state::requeued:
  case job_state::unknown:
    break;
  }
  return false;
}

/// One job or unit of an answer.
struct job_status {
  std::string id;     ///< "12", or "12_3" for a task of an array
  std::string job_id; ///< the job's own; an array task that has not started may still have the array's
  job_state state = job_state::unknown;
  std::string reason;                            ///< why it waits, or how it ended; "" for none
  std::string nodes;                             ///< as the system writes them, "n[1-2,5]"; "" when it has none
  std::optional<std::chrono::seconds> time_left; ///< of the walltime; nothing: no limit
};

} // namespace daskify::internal
