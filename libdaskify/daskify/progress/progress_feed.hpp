#pragma once

#include "daskify/progress/progress_core.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace daskify::internal {

/// Passes the latest snapshot, never a queue, from the progress actor to the user's thread in monitor_progress.
/// Thread-safe.
class progress_feed {
public:
  void publish(const snapshot& s) {
    {
      std::lock_guard guard{mutex_};
      latest_ = s;
      fresh_ = true;
    }
    changed_.notify_all();
  }

  /// No more snapshots will come.
  void close() {
    {
      std::lock_guard guard{mutex_};
      closed_ = true;
    }
    changed_.notify_all();
  }

  /// The next snapshot; nothing if none came within `patience` or the feed was closed.
  std::optional<snapshot> next(std::chrono::milliseconds patience) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, patience, [&] { return fresh_ || closed_; });
    if (!fresh_)
      return {};
    fresh_ = false;
    return latest_;
  }

  bool closed() const {
    std::lock_guard guard{mutex_};
    return closed_;
  }

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  snapshot latest_;
  bool fresh_ = false;
  bool closed_ = false;
};

} // namespace daskify::internal
