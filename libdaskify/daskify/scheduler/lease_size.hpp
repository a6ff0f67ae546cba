#pragma once

/// How many tasks a lease should have: a pure function of what was measured.

#include "daskify/defaults.hpp"

#include <algorithm>
#include <cstdint>

namespace daskify::internal {

/// What is known of one function's tasks, from all its runs.
class task_estimate {
public:
  /// A report of `count` tasks that took `busy_ns` and made `bytes` of results.
  void measured(std::uint64_t count, std::uint64_t busy_ns, std::uint64_t bytes) {
    if (count == 0)
      return;
    auto ns = std::max<std::uint64_t>(busy_ns / count, 1);
    // The mean of old and new follows a sweep whose tasks grow, and forgets one odd lease after a few reports.
    ns_per_task_ = ns_per_task_ == 0 ? ns : (ns_per_task_ + ns) / 2;
    bytes_per_task_ = bytes / count;
    largest_ = std::max(largest_, count);
  }

  bool known() const noexcept { return ns_per_task_ != 0; }
  std::uint64_t ns_per_task() const noexcept { return ns_per_task_; }
  std::uint64_t bytes_per_task() const noexcept { return bytes_per_task_; }
  std::uint64_t largest() const noexcept { return largest_; }

private:
  std::uint64_t ns_per_task_ = 0;
  std::uint64_t bytes_per_task_ = 0;
  std::uint64_t largest_ = 0; ///< tasks in the largest report so far
};

/// Tasks for the next lease, at least 1.
///
/// One task as long as nothing is known; then as many as fill the target time, but at most `lease_growth` times
/// the largest reported lease, no more result bytes than one message should carry, and no more than half of an
/// equal share of the remaining tasks, so that threads do not idle at the end while one is still busy
/// (guided self-scheduling: Polychronopoulos and Kuck, IEEE Trans. Comput. C-36, 1987).
inline std::uint64_t lease_size(const task_estimate& estimate, std::uint64_t tasks_left, std::uint64_t threads) {
  if (!estimate.known())
    return 1;
  auto target_ns = static_cast<std::uint64_t>(tuning::lease_duration.count());
  auto by_time = target_ns / estimate.ns_per_task();
  auto by_growth = estimate.largest() * tuning::lease_growth;
  auto by_bytes = tuning::lease_result_bytes / std::max<std::uint64_t>(estimate.bytes_per_task(), 1);
  auto by_share = tasks_left / (2 * std::max<std::uint64_t>(threads, 1)) + 1;
  return std::max<std::uint64_t>(std::min({by_time, by_growth, by_bytes, by_share}), 1);
}

} // namespace daskify::internal
