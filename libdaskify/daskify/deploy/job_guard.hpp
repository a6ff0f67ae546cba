#pragma once

#include "daskify/deploy/process.hpp"

#include <filesystem>
#include <optional>
#include <set>
#include <string>

namespace daskify::internal {

/// Cancels jobs and removes the session's folder when this process ends without having done so, in whatever way: jobs
/// that are pending then would start for nobody. Running ones see by themselves that nobody is there. Not thread-safe.
class job_guard {
public:
  /// `log`: what scancel has to say then.
  job_guard(std::filesystem::path session_folder, std::filesystem::path log)
      : session_folder_{std::move(session_folder)},
        log_{std::move(log)} {}

  /// These jobs, and no others from now on. Throws cluster_error(worker_failed) when the guard cannot be started.
  void watch(const std::set<std::string>& jobs);
  /// All has been done.
  void release() { guard_.reset(); }
  /// Cancels them now. Waits a while for that, but not for their ends.
  void fire();

private:
  std::filesystem::path session_folder_;
  std::filesystem::path log_;
  std::optional<child> guard_; ///< waits for the end of its lifeline
};

} // namespace daskify::internal
