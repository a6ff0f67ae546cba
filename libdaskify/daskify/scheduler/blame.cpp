#include "daskify/scheduler/blame.hpp"

#include "daskify/defaults.hpp"
#include "daskify/progress/progress_text.hpp"

#include <algorithm>
#include <chrono>

namespace daskify::internal {

namespace {

/// How long the lease's current task has run; 0: unknown.
std::uint64_t time_run(const open_lease& lease, const end_of_worker& end) {
  auto left_ns = end.walltime_over ? 0 : end.time_left_ns;
  if (lease.time_left_ns == for_ever_ns || lease.time_left_ns <= left_ns)
    return 0;
  return lease.time_left_ns - left_ns;
}

std::string why_no_time_is_enough(const piece& task) {
  return "; the task was tried " + std::to_string(task.outlived) + (task.outlived == 1 ? " time" : " times") +
         " with all the time of a worker, " + duration_text(std::chrono::nanoseconds{task.ran_ns}) +
         ", and needs more: raise the walltime, or split the task";
}

} // namespace

verdict after_infrastructure_loss(const open_lease& lease, const end_of_worker& end, std::size_t retries) {
  if (lease.left() == 0)
    return {};
  auto rest = lease.past.part(lease.next(), lease.end());
  if (!end.begun)
    return {{rest}, {}};
  ++rest.infrastructure_losses; // because a task that kills its node looks the same
  auto ran_ns = time_run(lease, end);
  bool is_whole_life = end.walltime_over && ran_ns != 0 && ran_ns >= whole_life(end.longest_life_ns);
  // For a short task the time only shows the age of the last report.
  if (!is_whole_life && more_than(ran_ns) <= with_margin(end.ns_per_task))
    return {{rest}, {}};
  auto first = rest.part(rest.first, rest.first + 1);
  auto others = rest.part(first.end(), rest.end());
  first.ran_ns = std::max(first.ran_ns, ran_ns);
  first.outlived += is_whole_life;
  if (first.outlived > retries)
    return {{others}, first.first, why_no_time_is_enough(first)};
  return {{first, others}, {}};
}

verdict after_death(const open_lease& lease, bool only_lease, std::size_t retries) {
  if (lease.left() == 0)
    return {};
  auto rest = lease.past.part(lease.next(), lease.end());
  bool is_alone = lease.left() == 1;
  if (is_alone && !only_lease)
    ++rest.shared;
  // A task that waits for others may never be alone on a worker; it is blamed when workers died too often for chance.
  if (!is_alone || (!only_lease && rest.shared < tuning::deaths_in_company)) {
    rest.largest = std::max<std::uint64_t>(lease.left() / tuning::lease_growth, 1);
    // Long tasks of a worker with many threads: one of them has killed the worker, but a separate worker for each would
    // cost hours. After the first death they are not restricted.
    if (is_alone && rest.shared < 2)
      rest.largest = 0;
    return {{rest}, {}};
  }
  if (only_lease && rest.deaths < retries) {
    rest.largest = 1;
    ++rest.deaths;
    return {{rest}, {}};
  }
  return {{}, rest.first};
}

} // namespace daskify::internal
