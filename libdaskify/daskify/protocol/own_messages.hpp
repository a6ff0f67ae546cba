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

} // namespace daskify::internal
