#pragma once

/// What a batch system says of a job.

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

/// In SLURM's words: "NODE_FAIL".
constexpr std::string_view to_string(job_state state) noexcept {
  switch (state) {
  case job_state::pending:
    return "PENDING";
  case job_state::configuring:
    return "CONFIGURING";
  case job_state::running:
    return "RUNNING";
  case job_state::suspended:
    return "SUSPENDED";
  case job_state::completing:
    return "COMPLETING";
  case job_state::completed:
    return "COMPLETED";
  case job_state::cancelled:
    return "CANCELLED";
  case job_state::failed:
    return "FAILED";
  case job_state::timed_out:
    return "TIMEOUT";
  case job_state::node_failed:
    return "NODE_FAIL";
  case job_state::preempted:
    return "PREEMPTED";
  case job_state::out_of_memory:
    return "OUT_OF_MEMORY";
  case job_state::boot_failed:
    return "BOOT_FAIL";
  case job_state::past_deadline:
    return "DEADLINE";
  case job_state::requeued:
    return "REQUEUED";
  case job_state::unknown:
    break;
  }
  return "UNKNOWN";
}

/// The job has ended and all its processes with it; it runs no more under this id unless somebody requeues it.
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

/// One job, or unit, of an answer.
struct job_status {
  std::string id;     ///< "12", or "12_3" for a task of an array
  std::string job_id; ///< its own; an array task that has not started yet may still share the array's
  job_state state = job_state::unknown;
  std::string reason;                            ///< why it waits, or how it ended; "" for none
  std::string nodes;                             ///< as the system writes them, "n[1-2,5]"; "" when it has none
  std::optional<std::chrono::seconds> time_left; ///< of its walltime, when it has one
};

} // namespace daskify::internal
