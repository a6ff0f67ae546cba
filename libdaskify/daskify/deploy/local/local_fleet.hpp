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

/// Processes of one kind on this machine, workers or nodes: starts them, starts another for one that died, and ends
/// them. Each has a slot, a number that its successors have, too.
///
/// Thread-safe. The callbacks come from the thread that watches the processes.
class local_fleet {
public:
  struct setup {
    std::string program;         ///< what is started; "/proc/self/exe" for this program itself
    std::string name;            ///< its argv[0]
    std::string kind = "worker"; ///< with the slot, what people and the log call it: "worker-3"
    /// What is put into the environment of the process.
    std::function<std::vector<std::pair<std::string, std::string>>(std::uint32_t slot, const std::string& log_file)>
        environment;
    /// The CPUs that it is bound to; empty: to none of its own.
    std::function<std::vector<unsigned>(std::uint32_t slot)> cpus = [](std::uint32_t) {
      return std::vector<unsigned>{};
    };
    std::string log_folder;
    std::uint32_t first_slot = 0;
    std::size_t size = 1;
    std::function<void(std::uint32_t slot, std::int32_t pid, const std::string& how, log_end log)> on_exit;
    std::function<void(const std::string& reason)> on_exhausted;
    /// One could not be started several times in a row, and is not any more, while others are there.
    std::function<void(const std::string& sentence)> on_given_up = [](const std::string&) {};
  };

  explicit local_fleet(setup with);
  ~local_fleet();

  void start();
  /// Blocks until so many have enrolled, at most all. Throws cluster_error(worker_failed or start_timeout) with the
  /// tail of the output of the one that failed.
  void wait_enrolled(std::chrono::milliseconds timeout, std::size_t count = SIZE_MAX);
  std::size_t count_enrolled() const;
  /// Slots whose processes could not be started several times in a row, and are not any more.
  std::vector<std::uint32_t> given_up() const;
  /// Why one could not be started; "" while all could.
  std::string problem() const;

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
    bool awaited = false;     ///< it is not there, but a start will be tried again
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
  std::string problem_; ///< why a worker could not start
  bool replacing_ = true;
  process_watcher watcher_; ///< last: its thread uses the rest
};

} // namespace daskify::internal
