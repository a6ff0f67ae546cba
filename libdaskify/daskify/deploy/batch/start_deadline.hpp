#pragma once

/// How long start_cluster waits for jobs. Pure: the caller passes the job counts and the time.

#include "daskify/config/settings.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

namespace daskify::internal {

/// While jobs are in the queue, option queue_timeout limits the wait. Without such jobs, option start_timeout does:
/// from the start, and from when the last job has left the queue.
class start_deadline {
public:
  using time_point = std::chrono::steady_clock::time_point;

  start_deadline(const settings& options, time_point now)
      : start_timeout_{options.start_timeout},
        accepts_fewer_{options.accept_fewer},
        first_{now + start_timeout_},
        last_{first_ + options.queue_timeout},
        without_queue_{first_} {}

  /// The deadline, unless the counts change before. `queued`: jobs in the queue; `ready`: jobs whose workers are ready.
  time_point when(std::size_t queued, std::size_t ready, time_point now) {
    if (queued == 0 && std::exchange(was_queued_, false))
      without_queue_ = now + start_timeout_;
    was_queued_ = queued != 0;
    if (accepts_fewer_ && ready != 0)
      return first_;
    return queued != 0 ? last_ : std::min(without_queue_, last_);
  }

private:
  std::chrono::milliseconds start_timeout_;
  bool accepts_fewer_;
  time_point first_;
  time_point last_;
  time_point without_queue_;
  bool was_queued_ = false;
};

} // namespace daskify::internal
