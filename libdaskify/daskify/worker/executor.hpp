#pragma once

#include "daskify/program/task_program.hpp"
#include "daskify/worker/worker_core.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace daskify::internal {

/// Runs user code, on threads of its own: the caller of `run` is the first of them, because some libraries want the
/// main thread.
///
/// The worker actor puts work in and takes reports out; neither side ever waits for the other. Reports gather in an
/// outbox; `outbox_filled` is called, from an executor thread, when it was empty before.
class executor {
public:
  struct setup {
    std::size_t threads = 1;
    std::string worker; ///< name, for this_task::worker() and failures
    std::string host;
    std::string log_file; ///< where stdout and stderr go, for the last lines of a failed task; may be empty
  };

  executor(setup with, object_source& objects, std::function<void()> outbox_filled);
  ~executor();
  executor(const executor&) = delete;
  executor& operator=(const executor&) = delete;

  /// Runs tasks on this thread (and starts the others) until `stop` is called.
  void run();

  // From the worker actor; none of these blocks for longer than a queue operation.

  void accept(work_order order);
  std::vector<lease_report> take_reports();
  /// Gives back what waits behind slow tasks.
  void give_back_waiting();
  /// Asks all tasks to stop; `run` returns when they have. True when none was being run.
  bool stop();
  std::size_t busy_threads() const;

  /// Bytes of the log so far, with what stdout held back.
  std::uint64_t log_size() const;

private:
  struct loaded_run;

  void serve(std::size_t thread);
  void run_lease(std::size_t thread, std::unique_lock<std::mutex>& lock);
  std::shared_ptr<loaded_run> find_run(run_id run);
  void put_report(lease_report report);
  std::string output_since(std::uint64_t begin) const;

  setup setup_;
  object_source& objects_;
  std::function<void()> outbox_filled_;

  mutable std::mutex mutex_;
  std::condition_variable work_added_;
  worker_core core_;
  std::unordered_map<run_id, std::shared_ptr<loaded_run>> runs_;
  bool stopping_ = false;

  std::mutex outbox_mutex_;
  std::vector<lease_report> outbox_;

  std::vector<std::thread> others_;
};

} // namespace daskify::internal
