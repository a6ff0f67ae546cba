#pragma once

/// The progress of one or several runs, as returned by `check_progress` and `monitor_progress`.

#include <cstdint>
#include <ostream>

namespace daskify {

/// Numbers of tasks by state at one moment. Every task is in exactly one state, so that `total` is the sum of the six
/// others. A task that is run again returns from `running` to `pending`; the other four states are final.
struct progress {
  std::uint64_t total = 0;
  std::uint64_t pending = 0;   ///< not begun
  std::uint64_t running = 0;   ///< assigned to a worker
  std::uint64_t finished = 0;  ///< ended with a result
  std::uint64_t error = 0;     ///< ended with an exception
  std::uint64_t cancelled = 0; ///< will not run any more, by request
  std::uint64_t lost = 0;      ///< lost with a worker and not run again

  /// Number of tasks that have ended, in any final state.
  constexpr std::uint64_t done() const noexcept { return finished + error + cancelled + lost; }

  /// True if all tasks have ended; also true if there are no tasks.
  constexpr bool ended() const noexcept { return pending == 0 && running == 0; }

  friend constexpr bool operator==(const progress&, const progress&) = default;
};

/// One line without line end, with all counts:
/// `1000 tasks: 120 pending, 2 running, 870 finished, 8 error, 0 cancelled, 0 lost`.
inline std::ostream& operator<<(std::ostream& out, const progress& p) {
  return out << p.total << (p.total == 1 ? " task: " : " tasks: ") << p.pending << " pending, " << p.running
             << " running, " << p.finished << " finished, " << p.error << " error, " << p.cancelled << " cancelled, "
             << p.lost << " lost";
}

} // namespace daskify
