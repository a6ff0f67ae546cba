#pragma once

#include "daskify/protocol/messages.hpp"
#include "daskify/scheduler/blame.hpp"
#include "daskify/scheduler/lease_size.hpp"
#include "daskify/scheduler/placement.hpp"
#include "daskify/scheduler/run_record.hpp"
#include "daskify/scheduler/scheduler_effects.hpp"
#include "daskify/scheduler/scheduler_events.hpp"
#include "daskify/scheduler/wait_table.hpp"
#include "daskify/scheduler/worker_record.hpp"

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace daskify::internal {

/// Decides which worker runs which task, and what happens to tasks whose worker has left.
///
/// Pure: knows no clock, socket or actor. `apply` takes an event; the effects of the event are called before `apply`
/// returns. Not thread-safe: the core belongs to the scheduler actor.
///
/// Tasks are granted as leases of consecutive tasks (placement decides to which worker). The tasks of a worker that
/// died return quarantined (blame decides how): in smaller leases, each alone on a worker, until the task that kills is
/// isolated. That task is tried `retries` more times and is then lost; the other tasks are not affected. A run goes on
/// with any number of lost tasks, unless `max_lost` sets a limit: at the limit the run is given up, and each task that
/// no worker has is lost as `run_given_up`.
///
/// Workers may have limited time, and get tasks that should end within it. A task that takes longer than any worker
/// lives is tried with the whole life of a worker, and is lost when that was not enough `retries` + 1 times.
///
/// A task may submit runs and wait for them. While it waits, its thread is free for other tasks, and its runs go before
/// all others, so that few tasks wait at a time. These runs end with the worker whose task submitted them.
///
/// Clients in other processes have ids from the same sequence as workers; their runs end with them, too.
class scheduler_core {
public:
  /// `max_lost`: lost tasks after which the rest of a run is given up; none: no limit.
  scheduler_core(scheduler_effects& effects, std::size_t retries, std::optional<std::size_t> max_lost = {});
  scheduler_core(const scheduler_core&) = delete;
  scheduler_core& operator=(const scheduler_core&) = delete;

  void apply(scheduler_event event);

  // -- questions ----------------------------------------------------------------------------------------------

  bool knows(run_id run) const { return runs_.contains(run); }
  /// Ranges are clipped to the tasks of their run; unknown runs have no tasks.
  progress counts(const std::vector<run_range>& tasks) const;
  /// The tasks among `tasks` that have ended, as ranges in the asked order.
  std::vector<run_range> ended(const std::vector<run_range>& tasks) const;
  /// The results of the tasks among `tasks` that have ended, as blocks in the asked order.
  std::vector<result_block> results(const std::vector<run_range>& tasks) const;
  /// Number of tasks that this worker is running.
  std::uint64_t running(worker_id worker) const;
  std::size_t workers() const { return workers_.size(); }
  /// How many threads the tasks that have not ended could keep busy for at least this long each; a task of unknown
  /// duration counts as one thread. O(number of runs).
  std::uint64_t useful_threads(std::chrono::nanoseconds each) const;
  /// All runs, by submitter and in the order of their ids.
  std::vector<run_id> runs() const;
  /// Type of the run's function, for messages to users; "" for an unknown run.
  std::string name_of(run_id run) const;

  /// Throws std::logic_error when the internal tables contradict each other. Slow: for tests.
  void check_invariants() const;

private:
  run_record* find(run_id run) const;
  worker_record* find(worker_id worker);

  void on(scheduler_events::worker_joined& event);
  void on(const scheduler_events::worker_paused& event);
  void on(const scheduler_events::worker_resumed& event);
  void on(const scheduler_events::worker_refuses& event);
  void on(const scheduler_events::worker_time_left& event);
  void on(const scheduler_events::worker_drains& event);
  void on(const scheduler_events::worker_has_waiting& event);
  void on(const scheduler_events::worker_left& event);
  void on(const scheduler_events::workers_exhausted& event);
  void on(const scheduler_events::client_joined& event);
  void on(const scheduler_events::client_left& event);
  void on(scheduler_events::run_submitted& event);
  void on(scheduler_events::lease_reported& event);
  void on(const scheduler_events::tasks_cancelled& event);
  void on(const scheduler_events::run_released& event);
  void on(scheduler_events::wait_begun& event);
  void on(const scheduler_events::wait_stopped& event);

  // Runs.
  void add_to_family(run_record& run);
  void begin(run_record& run);
  void begin_when_inputs_end(run_record& run);
  void begin_if_inputs_ended(run_record& run);
  std::optional<failure> why_inputs_cannot_be_used(const run_record& run) const;
  void cancel_unfinished(run_record& run, const run_range& range);
  void release_or_mark(run_id run);
  void release_all_of(worker_id submitter);
  void release_inputs(run_record& run);
  void release_results(const std::vector<object_id>& results);
  void erase(run_id run);
  void forget_if_over(run_record& run);
  std::vector<run_id> known_runs_among(const std::vector<run_range>& tasks) const;

  // Tasks.
  void settle_failed(run_record& run, std::uint64_t first, std::uint64_t count, task_state state, const failure& cause);
  void settle_block(run_record& run, result_block block);
  void refuse_report(const open_lease& lease, lease_report& report) const;
  void take_back(run_record& run, const verdict& what, const failure& cause);
  void give_back(run_record& run, const piece& tasks);
  void return_tasks(worker_record& worker, open_lease& lease, std::uint64_t count);
  void lose(run_record& run, std::uint64_t task, const failure& cause);
  void drop_pending(run_record& run, std::uint64_t first, std::uint64_t last);
  void end_pending(run_record& run, task_state state, const failure& cause);
  void tasks_ended(run_record& run, std::uint64_t first, std::uint64_t count);
  std::uint64_t ended_of(run_range& tasks) const;
  void wait_is_over(waiter_id waiter);

  // After each event.
  void settle();
  void grant(const placement::grant& next);
  std::uint64_t next_lease_size(const worker_record& worker, const run_record& run, const piece& next) const;

  scheduler_effects& effects_;
  std::size_t retries_;
  std::optional<std::size_t> max_lost_;
  run_table runs_;
  worker_table workers_;
  std::set<worker_id> clients_; ///< in other processes
  placement placement_{workers_, runs_};
  wait_table waits_;
  std::unordered_map<std::string, task_estimate> estimates_; ///< by function
  std::uint64_t pending_tasks_ = 0;                          ///< of all runs whose inputs have ended
  std::uint64_t threads_ = 0;                                ///< of all workers that are not being drained
  std::uint64_t last_lease_ = 0;
  std::unordered_map<waiter_id, run_id> input_waits_; ///< the core's own waits: which run waits for its inputs
  std::uint64_t last_own_waiter_;
  std::vector<run_id> inputs_ready_;       ///< runs whose inputs ended during this event
  std::vector<run_id> doomed_;             ///< runs whose parent task was cancelled during this event
  std::vector<run_id> unneeded_;           ///< released runs whose last user ended during this event
  std::optional<failure> exhausted_cause_; ///< why no worker will join; nothing: some may
};

} // namespace daskify::internal
