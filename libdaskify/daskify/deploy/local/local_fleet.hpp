#pragma once

#include "daskify/os/child_process.hpp"
#include "daskify/os/log_tail.hpp"
#include "daskify/os/process_watcher.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace daskify::internal {

/// Starts, replaces and ends processes of one kind, workers or nodes, on this machine. Each process has a slot, a
/// number that its replacements keep.
///
/// Thread-safe. Callbacks are called on the thread that watches the processes.
class local_fleet {
public:
  struct setup {
    std::string program;         ///< path; "/proc/self/exe" for this program itself
    std::string name;            ///< its argv[0]
    std::string kind = "worker"; ///< with the slot, the name in messages and logs: "worker-3"
    /// Variables that are added to the environment of the process.
    std::function<std::vector<std::pair<std::string, std::string>>(std::uint32_t slot, const std::string& log_file)>
        environment;
    /// The CPUs that the process is bound to; empty: not bound.
    std::function<std::vector<unsigned>(std::uint32_t slot)> cpus = [](std::uint32_t) {
      return std::vector<unsigned>{};
    };
    std::string log_folder;
    std::uint32_t first_slot = 0;
    std::size_t size = 1;
    std::function<void(std::uint32_t slot, std::int32_t pid, const std::string& how, log_end log)> on_exit;
    std::function<void(const std::string& reason)> on_exhausted;
    /// A process failed to start several times in a row and is given up, while others exist.
    std::function<void(const std::string& sentence)> on_given_up = [](const std::string&) {};
  };

  explicit local_fleet(setup with);
  ~local_fleet();

  void start();
  /// Blocks until `count` processes, at most all, have enrolled. Throws cluster_error(worker_failed or start_timeout)
  /// with the tail of the output of the process that failed.
  void wait_enrolled(std::chrono::milliseconds timeout, std::size_t count = SIZE_MAX);
  std::size_t count_enrolled() const;
  /// Slots whose processes failed to start several times in a row and were given up.
  std::vector<std::uint32_t> given_up() const;
  /// Why a process could not be started; "": all could.
  std::string problem() const;

  void enrolled(std::uint32_t slot);
  void refused(std::uint32_t slot, const std::string& reason);
  /// Kills a process that the scheduler gave up, if it is still alive.
  void kill(std::uint32_t slot, std::int32_t pid);

  /// Processes that end later are not replaced.
  void stop_replacing();
  /// Waits up to `grace` for all processes to end by themselves, then kills the others.
  void end_all(std::chrono::milliseconds grace);

private:
  struct member {
    child_id process{};
    std::int32_t pid = 0;
    bool alive = false;
    bool enrolled = false;
    bool awaited = false;     ///< not running, but its start will be retried
    std::size_t failures = 0; ///< starts in a row that did not lead to enrolment
  };

  void launch(member& which);
  void replace(member& which);
  void try_again(std::uint32_t slot);
  std::string exhausted() const;
  std::string why_given_up(const member& which) const;
  void tell_shortage(const std::string& why_exhausted, const std::string& why_given_up) const;
  void ended(child_id process, const exit_status& status);
  std::uint32_t slot_of(const member& of) const;
  member* find(std::uint32_t slot);
  std::string name_of(std::uint32_t slot) const;
  std::string log_file(std::uint32_t slot) const;

  std::size_t enrolled_now() const;

  setup setup_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<member> members_;
  std::string problem_; ///< why a process could not start
  bool replacing_ = true;
  process_watcher watcher_; ///< last, because its thread uses the other members
};

} // namespace daskify::internal
