#pragma once

#include <chrono>
#include <csignal>
#include <functional>
#include <initializer_list>

namespace daskify::internal {

/// Turns signals that ask this process to end, such as SIGTERM, into calls. REQUIRES: no other thread runs yet.
/// Processes started by this one receive the signals as usual.
class termination {
public:
  explicit termination(std::initializer_list<int> signals);

  /// Calls `on_signal` at each signal, from a thread that ends with the process.
  void listen(std::function<void()> on_signal) const;
  /// Blocks until the next signal.
  void wait() const;
  /// Blocks for at most `limit`; returns false if no signal came.
  bool wait_for(std::chrono::milliseconds limit) const;

private:
  sigset_t signals_{};
};

} // namespace daskify::internal
