#pragma once

/// How far one or several runs are: what `check_progress` and `monitor_progress` give.

#include <cstdint>
#include <ostream>

namespace daskify {

/// Counts of tasks by state at one moment. Every task is in exactly one state, so `total` is the sum of
/// the six others. A task that runs again goes from `running` back to `pending`; the other four are final.
struct progress {
  std::uint64_t total = 0;
  std::uint64_t pending = 0;   ///< not yet begun
  std::uint64_t running = 0;   ///< with a worker
  std::uint64_t finished = 0;  ///< ended with a result
  std::uint64_t error = 0;     ///< ended with an exception
  std::uint64_t cancelled = 0; ///< will not run any more, by request
  std::uint64_t lost = 0;      ///< went down with a worker and was not run again

  /// Number of tasks that have ended, in whichever way.
  constexpr std::uint64_t done() const noexcept { return finished + error + cancelled + lost; }

  /// True when nothing is left to wait for; true for no tasks at all.
  constexpr bool ended() const noexcept { return pending == 0 && running == 0; }

  friend constexpr bool operator==(const progress&, const progress&) = default;
};

/// One line without its end, every count in full:
/// `1000 tasks: 120 pending, 2 running, 870 finished, 8 error, 0 cancelled, 0 lost`.
inline std::ostream& operator<<(std::ostream& out, const progress& p) {
  return out << p.total << (p.total == 1 ? " task: " : " tasks: ") << p.pending << " pending, " << p.running
             << " running, " << p.finished << " finished, " << p.error << " error, " << p.cancelled << " cancelled, "
             << p.lost << " lost";
}

} // namespace daskify
