#pragma once

#include "daskify/deploy/log_tail.hpp"
#include "daskify/deploy/process_watcher.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace daskify::internal {

/// The worker processes of a local cluster: starts them, starts another for one that died, and ends them.
///
/// Thread-safe. The callbacks come from the thread that watches the processes.
class local_fleet {
public:
  struct setup {
    std::string program; ///< what is started; "/proc/self/exe" for this program itself
    std::string name;    ///< its argv[0]
    std::string session_folder;
    std::string log_folder;
    std::size_t size = 1;
    std::size_t threads = 1;
    std::function<void(std::uint32_t slot, std::int32_t pid, const std::string& how, log_end log)> on_exit;
    std::function<void(const std::string& reason)> on_exhausted;
  };

  explicit local_fleet(setup with);
  ~local_fleet();

  void start();
  /// Blocks until all have enrolled. Throws cluster_error(worker_failed or start_timeout) with the tail of the output
  /// of the one that failed.
  void wait_enrolled(std::chrono::milliseconds timeout);

  void enrolled(std::uint32_t slot);
  void refused(std::uint32_t slot, const std::string& reason);
  /// Makes sure that a worker that was given up is dead.
  void kill(std::uint32_t slot, std::int32_t pid);

  /// No worker is replaced from here on.
  void stop_replacing();
  /// Waits `grace` for all to end by themselves, then kills them.
  void end_all(std::chrono::milliseconds grace);

private:
  struct member {
    child_id process{};
    std::int32_t pid = 0;
    bool alive = false;
    bool enrolled = false;
    std::size_t failures = 0; ///< starts in a row that did not lead to enrolment
  };

  void launch(std::uint32_t slot);
  void ended(child_id process, const exit_status& status);
  std::string log_file(std::uint32_t slot) const;

  setup setup_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<member> members_;
  std::string problem_; ///< why a worker could not start
  bool replacing_ = true;
  process_watcher watcher_; ///< last: its thread uses the rest
};

} // namespace daskify::internal
