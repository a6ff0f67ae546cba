#pragma once

/// Work that takes too long for an actor, done on a thread of its own, one piece after the other.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace daskify::internal {

/// Thread-safe, but for its destruction, which drops what has not begun and waits for the rest.
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
  std::thread thread_; ///< last: it uses the rest
};

} // namespace daskify::internal
