#pragma once

#include "daskify/os/child_process.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

namespace daskify::internal {

/// Cancels a session's jobs, which it knows by their name, and removes the session's folder when this process ends
/// without having done so, in whatever way: jobs that are pending then would start for nobody. Running ones see by
/// themselves that nobody is there. Not thread-safe.
class job_guard {
public:
  /// `name`: of all its jobs, and of no others. `log`: what scancel has to say then.
  job_guard(std::string name, std::filesystem::path session_folder, std::filesystem::path log)
      : name_{std::move(name)},
        session_folder_{std::move(session_folder)},
        log_{std::move(log)} {}

  /// From now on, unless it does so already, and has not been killed. Throws cluster_error(worker_failed) when the
  /// guard cannot be started.
  void watch();
  /// A descriptor for an sbatch to keep: the guard waits for its end before it cancels what that may have submitted.
  /// -1: there is no guard.
  int kept_open() const noexcept { return guard_ ? guard_->lifeline() : -1; }
  /// All has been done.
  void release();
  /// Cancels them now. Waits a while for that, but not for their ends. Why SLURM has not said by then that it does; ""
  /// when it has.
  std::string fire();

private:
  std::string name_;
  std::filesystem::path session_folder_;
  std::filesystem::path log_;
  std::optional<child> guard_; ///< waits for the end of its lifeline
};

} // namespace daskify::internal
