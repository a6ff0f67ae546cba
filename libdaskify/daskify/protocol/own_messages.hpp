#pragma once

/// What actors send to themselves.

#include <cstdint>

namespace daskify::internal {

struct executor_has_news {}; ///< executor to its worker actor: reports are waiting, or tasks begin or end to wait
/// Time to say that we are alive, and to give back what waits behind a slow task. The first one brings the intervals.
struct worker_tick {
  std::uint64_t heartbeat_interval_ms = 0;
  std::uint64_t heartbeat_timeout_ms = 0;
};
struct scheduler_tick {}; ///< time to look for silent workers and impatient askers
struct progress_tick {};  ///< time to tell what changed, or that time goes on
struct stop_session {};   ///< the session ends: workers are told to stop
/// Time to say that we are alive.
struct node_tick {
  std::uint64_t heartbeat_interval_ms = 0;
  std::uint64_t heartbeat_timeout_ms = 0;
};
struct store_tick {}; ///< time to tell those who wait for objects that they have to wait on

template <class Inspector>
auto inspect(Inspector& f, executor_has_news&) {
  return f();
}
template <class Inspector>
auto inspect(Inspector& f, worker_tick& x) {
  return f(x.heartbeat_interval_ms, x.heartbeat_timeout_ms);
}
template <class Inspector>
auto inspect(Inspector& f, scheduler_tick&) {
  return f();
}
template <class Inspector>
auto inspect(Inspector& f, progress_tick&) {
  return f();
}
template <class Inspector>
auto inspect(Inspector& f, stop_session&) {
  return f();
}
template <class Inspector>
auto inspect(Inspector& f, node_tick& x) {
  return f(x.heartbeat_interval_ms, x.heartbeat_timeout_ms);
}
template <class Inspector>
auto inspect(Inspector& f, store_tick&) {
  return f();
}

} // namespace daskify::internal
