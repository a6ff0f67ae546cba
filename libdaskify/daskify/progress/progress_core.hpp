#pragma once

/// The state of a monitor: the summed counts of all runs it watches, how fast tasks end, and the estimated time left.
/// Pure: the time is passed in.
///
/// Thread-safety: none; one owner.

#include "daskify/progress.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <unordered_map>

namespace daskify::internal {

/// All watched runs together at one moment.
struct snapshot {
  progress counts;
  std::chrono::nanoseconds elapsed{0}; ///< since the first run was watched; constant once all have ended
  double rate = 0;                     ///< tasks ended per second: recently, or overall once all have ended
  std::optional<std::chrono::nanoseconds> remaining; ///< nothing while there are too few data
};

/// A fading mean rate: events `memory` ago have weight 1/e. Before that much time has passed, the rate is about the
/// plain mean. All times in seconds.
class fading_rate {
public:
  /// `count` tasks ended in the `seconds` since the last call; `seconds` may be 0.
  void add(double count, double seconds, double memory);

  /// Tasks per second; 0 until time has passed.
  double value() const noexcept { return seconds_ > 0 ? count_ / seconds_ : 0; }

private:
  double count_ = 0;
  double seconds_ = 0;
};

/// Keeps two fading means: one over the last seconds, which is the rate shown, and one over about the last quarter of
/// the watched time, from which the time left is estimated so that it does not jump. If tasks end rarely, both cover
/// several events; if many run concurrently and end together, the second covers a whole round of them. A silence lowers
/// them only once it is longer than usual.
class progress_core {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Adds a run. Tasks that have ended before do not count towards the rate. Watching a run again starts it anew.
  void watch(std::uint64_t run, const progress& counts, time_point now);

  /// Replaces the counts of a run. Ignores counts of a run that is not watched: late messages about one that was given
  /// up.
  void update(std::uint64_t run, const progress& counts, time_point now);

  /// A `now` before the last event counts as that event's time. `counts.total` is the sum of the states.
  snapshot at(time_point now) const;

private:
  void replace(progress& old, const progress& counts, time_point now);
  void count_event(std::uint64_t ended, time_point now);
  double short_memory() const;
  double long_memory() const;
  std::optional<std::chrono::nanoseconds> time_left(double silence) const;

  std::unordered_map<std::uint64_t, progress> runs_;
  progress sum_;

  std::optional<time_point> start_; // of the first watch
  time_point last_event_;           // the last time a task ended, or the start
  std::optional<time_point> end_;   // when all tasks had ended
  std::uint64_t ended_ = 0;         // tasks that ended while being watched

  fading_rate recent_;
  fading_rate steady_;
  double events_ = 0;   // number of events in the two means below, capped
  double batch_ = 0;    // mean number of tasks that end in one event
  double interval_ = 0; // mean seconds between events
};

} // namespace daskify::internal
