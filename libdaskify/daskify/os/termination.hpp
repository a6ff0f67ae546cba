#pragma once

#include <chrono>
#include <csignal>
#include <functional>
#include <initializer_list>

namespace daskify::internal {

/// Signals that ask this process to end, such as SIGTERM, become calls. REQUIRES: no other thread runs yet. Processes
/// that are started get them as usual.
class termination {
public:
  explicit termination(std::initializer_list<int> signals);

  /// Calls `on_signal` at each of them, from a thread that ends with the process.
  void listen(std::function<void()> on_signal) const;
  /// Blocks until the next one.
  void wait() const;
  /// The same, for at most so long: false when none came.
  bool wait_for(std::chrono::milliseconds limit) const;

private:
  sigset_t signals_{};
};

} // namespace daskify::internal
