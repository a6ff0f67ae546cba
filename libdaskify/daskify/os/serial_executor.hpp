#pragma once

/// Runs work that takes too long for an actor on a thread of its own, one item after the other.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace daskify::internal {

/// Thread-safe except for destruction, which drops queued work and waits for the running item.
class serial_executor {
public:
  /// Throws cluster_error(session_failed) when the system refuses the thread.
  serial_executor();
  ~serial_executor();
  serial_executor(const serial_executor&) = delete;
  serial_executor& operator=(const serial_executor&) = delete;

  /// `work` must not throw.
  void post(std::function<void()> work);

private:
  void run();

  std::mutex mutex_;
  std::condition_variable added_;
  std::deque<std::function<void()>> queue_;
  bool ending_ = false;
  std::thread thread_; ///< last, because it uses the other members
};

} // namespace daskify::internal
