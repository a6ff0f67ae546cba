#pragma once

/// Messages that actors send to themselves.

#include <cstdint>

namespace daskify::internal {

struct executor_has_news {}; ///< executor to its worker actor: reports are available, or tasks begin or end to wait
/// Time to send a heartbeat, and to give back tasks queued behind a slow one. The first message carries the intervals.
struct worker_tick {
  std::uint64_t heartbeat_interval_ms = 0;
  std::uint64_t heartbeat_timeout_ms = 0;
};
struct scheduler_tick {}; ///< time to check for silent workers and expired requests
struct progress_tick {};  ///< time to send changed counts, or the elapsed time
struct stop_session {};   ///< the session ends: all workers are stopped
/// Time to send a heartbeat.
struct node_tick {
  std::uint64_t heartbeat_interval_ms = 0;
  std::uint64_t heartbeat_timeout_ms = 0;
};
struct store_tick {}; ///< time to answer requests for objects that are still on their way with "not yet"

} // namespace daskify::internal
