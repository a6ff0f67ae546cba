#pragma once

#include <algorithm>
#include <chrono>

namespace daskify::internal {

/// A delay that doubles each time it is used, up to a limit.
class backoff {
public:
  using seconds = std::chrono::seconds;

  /// The delays are `first`, 2 `first`, and so on; if `once_without`, a delay of 0 precedes them.
  backoff(seconds first, seconds longest, bool once_without = false)
      : first_{first},
        longest_{longest},
        initial_{once_without ? seconds{0} : first},
        delay_{initial_} {}

  /// Returns the delay to wait now.
  seconds next() {
    auto now = delay_;
    delay_ = delay_ == seconds{0} ? first_ : std::min(2 * delay_, longest_);
    return now;
  }
  /// The delay that `next` will return.
  seconds delay() const noexcept { return delay_; }
  void reset() noexcept { delay_ = initial_; }

private:
  seconds first_;
  seconds longest_;
  seconds initial_;
  seconds delay_;
};

} // namespace daskify::internal
