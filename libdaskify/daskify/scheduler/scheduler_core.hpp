#pragma once

#include "daskify/protocol/messages.hpp"
#include "daskify/scheduler/lease_size.hpp"
#include "daskify/scheduler/pending_tasks.hpp"
#include "daskify/scheduler/run_queue.hpp"
#include "daskify/scheduler/scheduler_effects.hpp"
#include "daskify/scheduler/time_left.hpp"

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace daskify::internal {

/// States of a task. One byte each; a run of five million tasks takes five megabytes.
///
///               lease                   report
///   pending ------------> leased ---------------------> finished | error
///      |  ^                 |  |
///      |  +--- worker lost -+  +--- died alone too often --> lost
///      +--- cancel ---------+------------------------------> cancelled
///
/// The four on the right are final: nothing leaves them.
enum class task_state : std::uint8_t { pending, leased, finished, error, cancelled, lost };

/// Decides which worker runs which task, and what becomes of tasks whose worker is gone.
///
/// Pure: knows no clock, socket or actor. Every public function that is not const is an event; what follows from
/// it is told to `scheduler_effects` before the call returns. Not thread-safe: it belongs to the scheduler actor.
///
/// Tasks are handed out as leases of consecutive tasks, in turn from all runs that have some, to the worker with the
/// least work. What a worker had when it died goes back and is suspect: it is split into smaller leases, each of which
/// has a worker for itself, until the task that kills is alone and known. That one is tried `retries` more times and
/// is then lost; the others lose nothing. Not so where the worker ended through no fault of its tasks.
/// A run goes on whatever number of its tasks is lost, unless `max_lost` sets a limit: with so many lost tasks the
/// run is given up, and each task that no worker has is lost as `run_given_up`.
///
/// Workers may have limited time. They get what should end in it; a task that takes longer than any worker lives is
/// tried with the whole life of one, and is lost when that has not been enough `retries` + 1 times.
///
/// A task may submit runs of its own and wait for them. While it waits its thread is free for other tasks, and its runs
/// go before all others, so that few tasks wait at a time. They end with the worker whose task submitted them.
///
/// Clients in other processes have their numbers from the same sequence as workers; their runs end with them, too.
class scheduler_core {
public:
  /// `max_lost`: lost tasks after which the rest of a run is given up; none: no limit.
  scheduler_core(scheduler_effects& effects, std::size_t retries, std::optional<std::size_t> max_lost = {});
  ~scheduler_core();
  scheduler_core(const scheduler_core&) = delete;
  scheduler_core& operator=(const scheduler_core&) = delete;

  // -- events -----------------------------------------------------------------------------------------------

  /// `threads` tasks at a time; it ends after `time_left`.
  void worker_joined(worker_id worker, std::uint32_t threads, std::chrono::nanoseconds time_left = for_ever,
                     bool paused = false);
  /// The worker gets nothing new until `resume`, and returns what it has not begun. An unknown worker is ignored.
  void pause(worker_id worker);
  /// The worker fails all tasks of this client, and gets them only where every worker does. For good.
  void refuse(worker_id worker, worker_id client);
  void resume(worker_id worker);
  /// It ends so soon. To be told again and again as the time goes by: the core has no clock.
  void time_left(worker_id worker, std::chrono::nanoseconds left);
  /// It gets nothing new, returns what it has not begun, and ends what it has; `drained` follows. For good.
  void drain(worker_id worker);
  /// `cause` says how it ended; its range is ignored. An unknown worker is ignored. Its tasks are not to blame when the
  /// cause is worker_walltime or worker_node_lost, or when it was to be drained: they go on elsewhere, and no retry is
  /// used up.
  void worker_left(worker_id worker, const failure& cause);
  /// No worker will come any more: all that wait end as lost with `cause`. Later runs do so at once.
  void workers_exhausted(const failure& cause);

  /// `waiting` of its tasks wait for other tasks: it can run as many more.
  void worker_waits(worker_id worker, std::uint32_t waiting);

  /// Its runs take their turns with all others, where those of a worker's tasks go first.
  void client_joined(worker_id client);
  /// Its runs are forgotten, with all that their tasks have submitted. An unknown client is ignored.
  void client_left(worker_id client);

  /// A run id that is known already is ignored. It tells who submits the run (`submitter_of`). An unattended run stays
  /// until it is over, although it is released; `unattended_ended` follows, and it is forgotten.
  void submit(run_spec spec);
  /// A report that fits no open lease of this worker is ignored: its tasks were given to somebody else.
  void report(worker_id worker, lease_report report);
  /// Tasks that have ended keep their state.
  void cancel(const run_range& tasks);
  /// Forgets a run and its results, and cancels what has not ended; later, if the tasks of another run need it.
  void release(run_id run);

  /// `satisfied(waiter)` will be told as soon as `how_many` of `tasks` have ended, now at the earliest. Tasks of
  /// unknown runs count as ended.
  void wait(waiter_id waiter, std::vector<run_range> tasks, std::uint64_t how_many);
  void stop_waiting(waiter_id waiter);

  // -- questions ----------------------------------------------------------------------------------------------

  bool knows(run_id run) const { return runs_.contains(run); }
  /// Clips ranges to what the run has; unknown runs have no tasks.
  progress counts(const std::vector<run_range>& tasks) const;
  /// Those of `tasks` that have ended, as ranges in the asked order.
  std::vector<run_range> ended(const std::vector<run_range>& tasks) const;
  /// The results of those of `tasks` that have ended, as blocks in the asked order.
  std::vector<result_block> results(const std::vector<run_range>& tasks) const;
  /// Tasks that this worker is in, at most its threads.
  std::uint64_t running(worker_id worker) const;
  std::size_t workers() const { return workers_.size(); }
  /// How many threads the tasks that have not ended could keep busy for at least this long each; a task of unknown
  /// duration is one. Takes time for each run.
  std::uint64_t useful_threads(std::chrono::nanoseconds each) const;
  /// All runs, by submitter and in the order of their ids.
  std::vector<run_id> runs() const;
  /// What its function is called; "" for an unknown run.
  std::string name_of(run_id run) const;

  /// Throws std::logic_error when the books contradict each other. Slow: for tests.
  void check_invariants() const;

private:
  struct run_record;
  struct worker_record;
  struct waiter_record;
  struct open_lease;
  using run_map = std::unordered_map<run_id, std::unique_ptr<run_record>>;

  run_record* find(run_id run) const;

  void begin(run_record& run);
  void queue_up(run_record& run);
  void begin_if_inputs_ended(run_record& run);
  void settle(run_record& run, std::uint64_t first, std::uint64_t count, task_state state);
  void settle_cancelled(run_record& run, const run_range& range);
  void settle_failed(run_record& run, std::uint64_t first, std::uint64_t count, task_state state, const failure& cause);
  void settle_block(run_record& run, result_block block);
  void let_go(const std::vector<object_id>& results);
  void give_back(run_record& run, const piece& tasks);
  void take_back_excused(run_record& run, const open_lease& lease, const worker_record& gone, bool begun,
                         const failure& cause);
  void take_back_from_dead(run_record& run, const open_lease& lease, bool only_lease, const failure& cause);
  void drop_pending(run_record& run, std::uint64_t first, std::uint64_t last);
  void end_pending(run_record& run, task_state state, const failure& cause);
  void lose(run_record& run, std::uint64_t task, const failure& cause);
  void let_go_of_inputs(run_record& run);
  void release_or_mark(run_id run);
  void release_all_of(worker_id submitter);
  bool is_of_a_task(const run_record& run) const;
  void erase(run_id run);
  void notify_waiters(run_record& run, std::uint64_t first, std::uint64_t count);
  void waiter_done(waiter_id waiter);
  std::vector<run_id> known_runs_among(const std::vector<run_range>& tasks) const;

  /// The worker chosen for a grant. `too_late` is set only if a worker had a free slot but not enough time left.
  struct choice {
    worker_record* worker = nullptr;
    bool too_late = false; ///< some worker has room, but not the time
    bool refused = false;  ///< some worker has room and time, but would fail the tasks
  };

  void assign();
  void grant_suspects();
  void grant_cut_short();
  void grant_late();
  void hold_for_late(const run_record& run);
  choice idle_worker(const run_record& run, std::uint64_t needed_ns);
  void choose_vacating();
  choice least_loaded(const run_record& run);
  worker_record* longest_lasting();
  bool may_have(const worker_record& worker, const run_record& run) const;
  bool has_room(const worker_record& worker, run_id run, std::uint64_t ns_per_task) const;
  std::uint64_t needed_ns(const run_record& run, piece_kind kind) const;
  void measure_lives();
  void grant_next(worker_record& worker, run_record& run, piece_kind kind);
  void forget_if_over(run_record& run);
  static bool is_needed(const run_record& run);
  void after_event();

  scheduler_effects& effects_;
  std::size_t retries_;
  std::optional<std::size_t> max_lost_;
  run_map runs_;
  std::map<worker_id, worker_record> workers_; ///< ordered, so that the same events give the same effects
  std::set<worker_id> clients_;                ///< in other processes
  std::unordered_map<waiter_id, waiter_record> waiters_;
  std::unordered_map<std::string, task_estimate> estimates_; ///< by function
  run_queue ready_;                                          ///< runs with pending tasks that any worker may take
  /// The same, by function, where every worker that had room had too little time: others may go before them.
  std::map<std::string, run_queue> late_;
  std::set<std::pair<std::uint64_t, run_id>> cut_short_; ///< runs with tasks cut short, by how long the first one ran
  run_queue suspect_;                                    ///< runs with pending tasks that need a worker for themselves
  std::set<worker_id> vacating_;       ///< get nothing new as long as suspects wait for workers of their own
  std::uint64_t longest_life_ns_ = 0;  ///< of the workers that get something new
  std::uint64_t held_ns_ = UINT64_MAX; ///< workers with so much time get no leases ahead: a task waits for them
  std::uint64_t pending_tasks_ = 0;    ///< over all runs whose inputs have ended
  std::uint64_t threads_ = 0;          ///< over all workers
  std::uint64_t last_lease_ = 0;
  std::unordered_map<waiter_id, run_id> input_waits_; ///< waits of the core's own: which run waits for its inputs
  std::uint64_t last_own_waiter_;
  std::vector<run_id> inputs_ready_; ///< runs whose inputs ended during this event
  std::vector<run_id> doomed_;       ///< runs whose task was cancelled during this event
  std::vector<run_id> unneeded_;     ///< released runs whose last user ended during this event
  bool exhausted_ = false;
  failure exhausted_cause_;
};

} // namespace daskify::internal
