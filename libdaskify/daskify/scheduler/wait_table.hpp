#pragma once

#include "daskify/protocol/messages.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace daskify::internal {

/// Waits until a number of tasks have ended. Not thread-safe.
class wait_table {
public:
  /// The wait is over when `missing` of `tasks` have ended, counted from now on. REQUIRES: missing is not 0, and the
  /// tasks are those of known runs, clipped to them.
  void add(waiter_id waiter, const std::vector<run_range>& tasks, std::uint64_t missing);
  /// Ends a wait without an answer. An unknown waiter is ignored. O(waits for the runs of this wait).
  void stop(waiter_id waiter);
  /// Returns the waits that are over because these tasks have ended, in the order in which they began. O(waits for this
  /// run).
  std::vector<waiter_id> ended(const run_range& tasks);
  /// Removes a run that is being forgotten; all its tasks have ended.
  void forget(run_id run) { by_run_.erase(run); }

  /// Throws std::logic_error when the internal tables contradict each other. Slow: for tests.
  void check_invariants() const;

private:
  struct wait {
    waiter_id waiter;
    std::uint64_t first;
    std::uint64_t count;
  };
  struct waiter_record {
    std::uint64_t missing = 0; ///< tasks that still have to end
    std::vector<run_id> runs;  ///< with entries in `by_run_`
  };

  void remove(waiter_id waiter, const std::vector<run_id>& runs);

  std::unordered_map<run_id, std::vector<wait>> by_run_;
  std::unordered_map<waiter_id, waiter_record> waiters_;
};

} // namespace daskify::internal
