#pragma once

#include "daskify/os/child_process.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace daskify::internal {

/// Runs a command and removes the session folder when this process ends in any way without `release`. The guard is a
/// separate process, which waits for the end of this one. Not thread-safe.
class session_guard {
public:
  struct setup {
    std::filesystem::path session_folder;
    std::filesystem::path log;        ///< receives the output of the command
    std::vector<std::string> command; ///< cancels the jobs of the session; found in PATH
    std::string left_out;             ///< prefix of variables that are not passed to the command; "": all are passed
  };

  explicit session_guard(setup with) : setup_{std::move(with)} {}

  /// Starts the guard unless it runs. Throws cluster_error(worker_failed) when the guard cannot be started.
  void watch();
  /// A descriptor for a command that submits: the guard waits for the end of that command before it cancels what the
  /// command may have submitted. -1: there is no guard.
  int kept_open() const noexcept { return guard_ ? guard_->lifeline() : -1; }
  /// Ends the guard without running the command.
  void release();
  /// Runs the command now, and waits for its end, at most tuning::scancel_timeout. Returns "" when the command
  /// succeeded, else its output, or how it ended.
  std::string fire();

private:
  setup setup_;
  std::optional<child> guard_; ///< waits for the end of its lifeline
};

} // namespace daskify::internal
