#pragma once

#include "daskify/os/serial_executor.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace daskify::internal {

/// Runs the commands of a batch system one after the other, on a thread of its own. Thread-safe.
class command_queue {
public:
  using clock = std::chrono::steady_clock;

  /// The command that runs.
  struct running_command {
    std::string name; ///< "": no command that a user waits for
    clock::time_point since;
  };

  void start();
  /// Drops commands that have not begun, and returns when the running one has ended. Later commands are ignored.
  void stop();
  bool is_started() const;

  /// `name`: for a command that a user may wait for, else "". Ignored unless started. Returns at once.
  void post(std::string_view name, std::function<void()> command);
  /// Returns false when posted commands are left at `until`.
  bool wait_until_idle(clock::time_point until);
  running_command running() const;

private:
  void run(std::string_view name, const std::function<void()>& command);

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t open_ = 0; ///< commands that were posted and have not ended
  running_command running_;
  std::unique_ptr<serial_executor> thread_;
};

} // namespace daskify::internal
