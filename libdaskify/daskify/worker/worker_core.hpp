#pragma once

#include "daskify/protocol/messages.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

namespace daskify::internal {

/// Decides which of a worker's leases its threads run next, and which tasks are given back.
///
/// Pure: the time is an argument. Not thread-safe: the executor guards it with its lock.
///
///   added -> queued -> taken by a thread, chunk by chunk -> closed
///               |                 |
///               +--- give_back ---+--> tasks that have not begun return to the scheduler
///
/// A thread whose task waits for tasks that it has submitted passes its turn to another thread: no more than `turns`
/// threads run user code at any time.
class worker_core {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Tasks to be run in one call: none if `count` is 0.
  struct chunk {
    lease_id lease;
    run_id run;
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    bool cancelled = false; ///< not to be run: report them as cancelled
  };

  /// A lease, or the end of a lease, that is given back because it has not begun.
  struct returned_tasks {
    lease_id lease;
    run_id run;
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    bool closed = false; ///< no other task of the lease is being run
  };

  explicit worker_core(std::size_t turns);

  void add(const lease& work);

  /// Assigns the next queued lease to this thread. False if there is none, or no free turn.
  bool take(std::size_t thread);

  /// The thread's task begins to wait, and gives up its turn.
  void begin_wait(std::size_t thread);
  /// A waiting task wants to continue; it takes precedence over tasks that have not begun.
  void want_turn() { ++resuming_; }
  /// Gives the thread a turn again. False if there is none yet.
  bool end_wait(std::size_t thread);

  /// Adds an idle thread and returns its number.
  std::size_t add_thread();
  /// Removes the last thread. REQUIRES: it has never been used.
  void drop_last_thread() { threads_.pop_back(); }
  /// There are leases that no thread has begun.
  bool has_queued() const { return !queue_.empty(); }
  /// Some thread could take a lease.
  bool has_idle_thread() const { return busy_threads() < threads_.size(); }
  /// Number of threads whose task waits.
  std::size_t waiting_threads() const { return waiting_; }

  /// The next tasks of the thread's lease, at most `most`. An empty chunk ends the lease.
  chunk next_chunk(std::size_t thread, std::uint64_t most, time_point now);

  /// The thread has ended its lease.
  void done(std::size_t thread);

  /// Gives back leases, and ends of leases, that have not begun: those behind a task that waits for other tasks, and
  /// all of them if every thread with a turn has been in one chunk since `long_ago` or before. Each is returned once.
  std::vector<returned_tasks> give_back(time_point long_ago);

  /// Gives back all leases, and ends of leases, that have not begun, except those of start calls, which only this
  /// worker can make.
  std::vector<returned_tasks> give_back_all();

  /// Tasks of this range that have not begun will not run. Sets the stop flags of threads that are running one of them.
  void cancel(const run_range& tasks);

  /// True if some task of the thread's chunk is requested to stop; `is_stopped` determines whether it is this one. The
  /// flag may be read from any thread until the core is destroyed.
  const std::atomic<bool>& stop_flag(std::size_t thread) const { return threads_[thread]->stop; }
  bool is_stopped(std::size_t thread, std::uint64_t task) const;
  void stop_all();

  std::size_t busy_threads() const;
  bool idle() const { return queue_.empty() && busy_threads() == 0; }

private:
  struct held_lease {
    lease work;
    std::uint64_t next = 0; ///< first task that has not begun
    std::uint64_t end() const { return work.first + work.count; }
  };
  struct thread_state {
    bool busy = false;    ///< has a lease
    bool waiting = false; ///< its task waits; it has no turn
    held_lease held;
    std::uint64_t chunk_first = 0;
    std::uint64_t chunk_count = 0;
    time_point chunk_begin;
    std::atomic<bool> stop{false};
  };

  void return_rest(thread_state& thread, std::vector<returned_tasks>& back);
  bool is_cancelled(run_id run, std::uint64_t task, std::uint64_t& until) const;
  void forget_old_cancellations(run_id run);

  std::deque<held_lease> queue_;
  std::vector<std::unique_ptr<thread_state>> threads_;
  std::vector<run_range> cancelled_;
  std::size_t turns_;
  std::size_t running_ = 0;  ///< number of threads with a turn
  std::size_t waiting_ = 0;  ///< number of threads whose task waits
  std::size_t resuming_ = 0; ///< number of those that want a turn
  bool stopping_ = false;
};

} // namespace daskify::internal
