#pragma once

/// What fits into the time that a worker has left: pure functions. Times are in nanoseconds.

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace daskify::internal {

/// The time left of a worker without a known limit.
inline constexpr auto for_ever = std::chrono::nanoseconds::max();
inline constexpr auto for_ever_ns = static_cast<std::uint64_t>(for_ever.count());

/// The time to allow for a task: half as long again as the tasks before it, because tasks differ.
constexpr std::uint64_t with_margin(std::uint64_t ns_per_task) noexcept {
  return ns_per_task + ns_per_task / 2;
}

/// The time to allow for a task that was ended after `ran_ns`: every trial gets at least a tenth more than the one
/// before, so that there are few.
constexpr std::uint64_t more_than(std::uint64_t ran_ns) noexcept {
  return ran_ns + ran_ns / 10;
}

/// The time that counts as the whole life of a worker. Its life begins when it enrols, and it needs some time to start.
constexpr std::uint64_t whole_life(std::uint64_t life_ns) noexcept {
  return life_ns == for_ever_ns ? for_ever_ns : life_ns / 10 * 9;
}

/// The time left that a worker should have to begin a task: the expected time of the task, but never more than the
/// whole life of the worker that lives longest. A longer task can only be tried, and a fresh worker gives it the best
/// chance. Never 0: at the very end nothing begins.
constexpr std::uint64_t time_needed(std::uint64_t ns_per_task, std::uint64_t ran_ns, std::uint64_t longest_life_ns) {
  auto expected = std::max(with_margin(ns_per_task), more_than(ran_ns));
  return std::max<std::uint64_t>(std::min(expected, whole_life(longest_life_ns)), 1);
}

/// The number of tasks, of `count` in sequence, that should end in time; at least one, for which there must be time.
constexpr std::uint64_t tasks_in_time(std::uint64_t count, std::uint64_t ns_per_task, std::uint64_t left_ns) {
  if (left_ns == for_ever_ns || ns_per_task == 0)
    return count;
  return std::min(count, std::max<std::uint64_t>(left_ns / with_margin(ns_per_task), 1));
}

} // namespace daskify::internal
