#pragma once

/// How long start_cluster waits for jobs. Pure: it is told what there is, and what time it is.

#include "daskify/config/settings.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

namespace daskify::internal {

/// Jobs in the queue are waited for by option queue_timeout. Where none is there, option start_timeout holds: from the
/// start, and from when the last one has left the queue.
class start_deadline {
public:
  using time_point = std::chrono::steady_clock::time_point;

  start_deadline(const settings& options, time_point now)
      : start_timeout_{options.start_timeout},
        accepts_fewer_{options.accept_fewer},
        first_{now + start_timeout_},
        last_{first_ + options.queue_timeout},
        without_queue_{first_} {}

  /// When it is over, unless something changes before. `queued`: jobs in the queue; `ready`: those whose workers are.
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
