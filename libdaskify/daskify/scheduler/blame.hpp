#pragma once

/// Which tasks are to blame for the end of their worker: pure functions.

#include "daskify/error.hpp"
#include "daskify/scheduler/worker_record.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace daskify::internal {

/// What becomes of the tasks of a lease whose worker has ended.
struct verdict {
  std::vector<piece> back;           ///< pending again, with what is known of them now
  std::optional<std::uint64_t> lost; ///< a task that is not tried again
  std::string why{};                 ///< of the lost task: continues the cause of the worker's end
};

/// Whether an end of a worker proves nothing about the tasks that it had.
constexpr bool is_infrastructure_loss(error_code cause) noexcept {
  return cause == error_code::worker_walltime || cause == error_code::worker_node_lost;
}

/// The end of a worker through no fault of its tasks, as far as it concerns one of its leases.
struct end_of_worker {
  bool begun = false;                ///< the lease was being run
  bool walltime_over = false;        ///< the worker's walltime ended it
  std::uint64_t time_left_ns = 0;    ///< of the worker
  std::uint64_t longest_life_ns = 0; ///< of this worker and all others
  std::uint64_t ns_per_task = 0;     ///< as expected of the function; 0: unknown
};

/// The verdict after such an end. Tasks that had not begun are pending as before. For a task that had begun, the time
/// that it ran is kept: it gets more time in the next trial, and is lost when the whole life of a worker was not enough
/// `retries` + 1 times.
verdict after_infrastructure_loss(const open_lease& lease, const end_of_worker& end, std::size_t retries);

/// The verdict after an end that any task of the worker may have caused, also tasks of leases ahead, because results
/// are reported some time after their task. The tasks return in smaller leases, each alone on a worker, until the task
/// that kills is isolated: it is lost after `retries` + 1 deaths. `only_lease`: the worker had no other lease.
verdict after_death(const open_lease& lease, bool only_lease, std::size_t retries);

} // namespace daskify::internal
