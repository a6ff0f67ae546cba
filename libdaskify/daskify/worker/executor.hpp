#pragma once

#include "daskify/program/task_program.hpp"
#include "daskify/worker/worker_core.hpp"

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace daskify::internal {

/// Runs user code on threads of its own. The caller of `run` is the first of them, because some libraries require the
/// main thread.
///
/// The worker actor adds work; neither side ever waits for the other. Reports are collected in an outbox. An executor
/// thread that runs out of work sends them immediately; a thread with more work lets the worker actor send them, so
/// that many reports of short leases share a message.
///
/// A task that waits for other tasks creates a `waiting`: its thread passes its turn to another thread, created if
/// necessary, and gets a turn again at the end. Thus user code never runs on more than `threads` threads at a time.
class executor : private stop_source {
public:
  struct setup {
    std::size_t threads = 1;
    std::string worker; ///< name, for this_task::worker() and failures
    std::string host;
    std::string log_file; ///< file that stdout and stderr go to, for the last lines of a failed task; may be empty
    // Called from any thread, and with a lock held: must not block.
    std::function<void(std::vector<lease_report>)> send; ///< reports to the scheduler, one call at a time
    std::function<void()> has_news;                      ///< `send_reports` and `waiting_tasks` should be called soon
  };

  executor(setup with, object_space& objects);
  ~executor() override;
  executor(const executor&) = delete;
  executor& operator=(const executor&) = delete;

  /// Runs tasks on this thread (and starts the others) until `stop` is called.
  void run();

  /// Sets the session in which tasks submit runs. Must be called before `run`.
  void use(std::shared_ptr<cluster_session> session) { session_ = std::move(session); }

  /// During its lifetime, the calling thread's task waits for other tasks.
  class waiting {
  public:
    /// Throws task_error: too_many_waiting if no further task of this worker may wait, not_in_a_task if the thread runs
    /// no task.
    explicit waiting(executor& all);
    /// Blocks until this thread gets a turn.
    ~waiting();
    waiting(const waiting&) = delete;
    waiting& operator=(const waiting&) = delete;

    /// From now on, `wake` ends the wait if the task is requested to stop. Called at most once, immediately if it is
    /// already.
    void wake_with(std::function<void()> wake);

  private:
    executor& all_;
    std::size_t thread_ = 0;
  };

  // Called by the worker actor; none of these blocks for longer than a queue operation.

  void accept(work_order order);
  /// Sends the reports in the outbox.
  void send_reports();
  /// Gives back tasks that are queued behind slow tasks.
  void give_back_waiting();
  /// Requests all tasks to stop; `run` returns when they have ended. True if no task was running.
  bool stop();
  std::size_t busy_threads() const;
  std::uint32_t waiting_tasks() const;

  /// Bytes of the log so far, after flushing stdout.
  std::uint64_t log_size() const;

private:
  struct loaded_run;
  class lease_in_progress;

  void serve(std::size_t thread);
  void start_thread(std::size_t thread);
  void wake_stopped();
  bool is_stopped(std::size_t thread, std::uint64_t task) const override;
  void run_lease(std::size_t thread, std::unique_lock<std::mutex>& lock);
  std::shared_ptr<loaded_run> find_run(run_id run);
  enum class urgency { soon, now };
  void report_returned(const std::vector<worker_core::returned_tasks>& back);
  void put_report(lease_report report, urgency when);
  void send_outbox();
  std::string output_since(std::uint64_t begin) const;

  setup setup_;
  object_space& objects_;
  std::shared_ptr<cluster_session> session_;

  mutable std::mutex mutex_;
  std::condition_variable work_added_;
  std::condition_variable turn_left_; ///< for tasks that want to continue
  /// A waiting task.
  struct waiter {
    std::uint64_t task;
    std::function<void()> wake;
  };
  std::map<std::size_t, waiter> waiters_; ///< by thread
  worker_core core_;
  std::unordered_map<run_id, std::shared_ptr<loaded_run>> runs_;
  std::map<worker_id, failure> refused_; ///< clients, and the failure of all their tasks
  bool stopping_ = false;

  std::mutex outbox_mutex_;
  std::vector<lease_report> outbox_;
  std::uint64_t outbox_bytes_ = 0;

  std::vector<std::thread> others_;
};

} // namespace daskify::internal
