#include "daskify/scheduler/scheduler_core.hpp"

#include "daskify/os/child_process.hpp"
#include "daskify/progress/progress_text.hpp"
#include "daskify/protocol/result_block.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <set>
#include <stdexcept>

namespace daskify::internal {

// -- books ------------------------------------------------------------------------------------------------

struct scheduler_core::open_lease {
  lease granted;
  std::uint64_t reported = 0;    ///< tasks at the beginning that have been reported
  piece past;                    ///< its tasks as they were pending
  std::uint64_t ns_per_task = 0; ///< as expected when it was granted; 0: unknown
  /// Of the worker, when the next task to be reported began, or somewhat before.
  std::uint64_t time_left_ns = for_ever_ns;

  /// One of its tasks may kill: it has its worker for itself.
  bool suspect() const { return past.suspect(); }

  std::uint64_t next() const { return granted.first + reported; }
  std::uint64_t left() const { return granted.count - reported; }
  std::uint64_t end() const { return granted.first + granted.count; }
};

struct scheduler_core::worker_record {
  // What every search for a worker looks at comes first.
  worker_id id;
  std::uint32_t threads = 1;
  std::uint32_t waiting = 0;  ///< tasks that wait for other tasks, and leave their thread to others
  std::uint64_t open = 0;     ///< its leases
  std::uint64_t suspects = 0; ///< how many of them are suspect
  std::uint64_t load_ns = 0;  ///< what is left of them, as far as its time is known
  std::uint64_t time_left_ns = for_ever_ns;
  bool leaving = false;          ///< to be drained
  bool paused = false;           ///< gets nothing new for the time being
  std::set<worker_id> refused;   ///< clients whose tasks it fails
  bool holding_back = false;     ///< it gave work back, being in a slow task: no more than it can run at once
  std::deque<open_lease> leases; ///< in the order granted; the first `in_hand` of them are being run
  std::unordered_map<run_id, std::uint64_t> leases_of; ///< how many of them are of which run
  std::uint64_t life_ns = for_ever_ns;                 ///< the most time left that it was said to have

  /// Leases that it runs at the same time, those that wait included.
  std::uint64_t in_hand() const { return std::uint64_t{threads} + waiting; }
  bool stays() const { return !leaving && !paused; }
  /// It stays, and its time is not over.
  bool takes_more() const { return stays() && time_left_ns != 0; }
  bool has_free_thread() const { return open < in_hand(); }
  /// All that it has waits for something else.
  bool only_waits() const { return open <= waiting; }

  void take(open_lease lease) {
    lease.time_left_ns = time_left_ns;
    ++open;
    ++leases_of[lease.granted.run];
    suspects += lease.suspect();
    load_ns += lease.left() * lease.ns_per_task;
    leases.push_back(std::move(lease));
  }
  /// The first `count` tasks that are left of a lease have been reported.
  void reported(open_lease& lease, std::uint64_t count) {
    lease.reported += count;
    lease.time_left_ns = time_left_ns;
    load_ns -= count * lease.ns_per_task;
  }
  /// The last `count` tasks of a lease are given back.
  void returned(open_lease& lease, std::uint64_t count) {
    lease.granted.count -= count;
    load_ns -= count * lease.ns_per_task;
  }
  void close(std::deque<open_lease>::iterator lease) {
    if (auto held = leases_of.find(lease->granted.run); --held->second == 0)
      leases_of.erase(held);
    --open;
    suspects -= lease->suspect();
    load_ns -= lease->left() * lease->ns_per_task;
    bool was_in_hand = static_cast<std::uint64_t>(lease - leases.begin()) < in_hand();
    leases.erase(lease);
    if (was_in_hand && leases.size() >= in_hand())
      leases[in_hand() - 1].time_left_ns = time_left_ns; // it begins
  }
};

struct scheduler_core::waiter_record {
  std::uint64_t missing = 0; ///< tasks that still have to end
  std::vector<run_id> runs;  ///< where it is registered
};

struct scheduler_core::run_record {
  struct wait {
    waiter_id waiter;
    std::uint64_t first;
    std::uint64_t count;
  };

  run_spec spec;
  std::string function;              ///< key into estimates_
  task_estimate* estimate = nullptr; ///< of that
  std::vector<task_state> states;
  std::array<std::uint64_t, 6> tally{};         ///< tasks by state
  pending_tasks pending;                        ///< exactly the pending tasks
  std::map<std::uint64_t, result_block> blocks; ///< exactly the ended tasks, by first task
  std::vector<wait> waits;
  std::vector<worker_id> told; ///< workers that have its description
  std::uint64_t open_leases = 0;
  std::optional<failure> given_up; ///< why: what comes back from workers is lost, too
  std::set<run_id> children;       ///< runs that its tasks submitted
  std::vector<run_id> needs;       ///< runs whose results its tasks use, each once, until it is over
  std::uint64_t needed_by = 0;     ///< runs that have it in `needs`
  waiter_id input_wait;            ///< the core's own, for `needs`
  bool released = false;           ///< forgotten as soon as nothing needs it
  worker_id client;                ///< whose it is, through all the tasks between; none: the client in this process
  bool inputs_ended = false;
  bool late = false;              ///< in late_ and not in ready_
  std::uint64_t cut_short_ns = 0; ///< its place in cut_short_; 0: it is not there

  /// Whose task submitted it, or which client in another process; none: the client in this one.
  worker_id owner() const { return submitter_of(spec.run); }
  std::uint64_t tasks_in(task_state s) const { return tally[static_cast<std::size_t>(s)]; }
  std::uint64_t unfinished() const { return tasks_in(task_state::pending) + tasks_in(task_state::leased); }
  bool clip(run_range& r) const {
    if (r.first >= states.size())
      return false;
    r.count = std::min<std::uint64_t>(r.count, states.size() - r.first);
    return r.count != 0;
  }
  /// Calls f(first, count, state) for each stretch of equal state in [first, first + count).
  template <class F>
  void each_stretch(std::uint64_t first, std::uint64_t count, F&& f) const {
    for (auto i = first, end = first + count; i < end;) {
      auto s = states[i];
      auto j = i + 1;
      while (j < end && states[j] == s)
        ++j;
      f(i, j - i, s);
      i = j;
    }
  }
};

namespace {

bool is_final(task_state s) {
  return s != task_state::pending && s != task_state::leased;
}

/// Ends of a worker that say nothing about its tasks.
bool blames_nobody(error_code cause) {
  return cause == error_code::worker_walltime || cause == error_code::worker_node_lost;
}

/// A lease ahead saves the round trip between two leases, but waits behind a slow task: only for short ones.
bool may_be_ahead(std::uint64_t ns_per_task) {
  return ns_per_task != 0 && ns_per_task <= static_cast<std::uint64_t>(tuning::lease_duration.count());
}

std::uint64_t to_ns(std::chrono::nanoseconds time) {
  return static_cast<std::uint64_t>(std::max(time.count(), std::chrono::nanoseconds::rep{0}));
}

/// Waits of the core's own, for the inputs of a run, have ids that no shell uses.
constexpr std::uint64_t own_waiters = std::uint64_t{1} << 63;

std::string function_key(const run_spec& spec) {
  return spec.program.module + '+' + std::to_string(spec.program.offset) + ' ' + spec.name;
}

} // namespace

scheduler_core::scheduler_core(scheduler_effects& effects, std::size_t retries, std::optional<std::size_t> max_lost)
    : effects_{effects},
      retries_{retries},
      max_lost_{max_lost},
      last_own_waiter_{own_waiters} {}

scheduler_core::~scheduler_core() = default;

auto scheduler_core::find(run_id run) const -> run_record* {
  auto found = runs_.find(run);
  return found == runs_.end() ? nullptr : found->second.get();
}

// -- workers ----------------------------------------------------------------------------------------------

void scheduler_core::worker_joined(worker_id worker, std::uint32_t threads, std::chrono::nanoseconds time_left,
                                   bool paused) {
  auto [added, is_new] = workers_.try_emplace(worker);
  if (!is_new)
    return;
  added->second.id = worker;
  added->second.threads = std::max<std::uint32_t>(threads, 1);
  added->second.time_left_ns = to_ns(time_left);
  added->second.life_ns = added->second.time_left_ns;
  added->second.paused = paused;
  threads_ += added->second.threads;
  longest_life_ns_ = std::max(longest_life_ns_, added->second.life_ns);
  exhausted_ = false;
  after_event();
}

void scheduler_core::pause(worker_id id) {
  auto found = workers_.find(id);
  if (found == workers_.end() || std::exchange(found->second.paused, true))
    return;
  vacating_.erase(id);
  if (!found->second.leases.empty())
    effects_.recall(id);
  after_event();
}

void scheduler_core::refuse(worker_id id, worker_id client) {
  auto found = workers_.find(id);
  if (found == workers_.end() || !found->second.refused.insert(client).second)
    return;
  after_event(); // where no worker is left that does better, the tasks have to fail
}

void scheduler_core::resume(worker_id id) {
  auto found = workers_.find(id);
  if (found == workers_.end() || !std::exchange(found->second.paused, false))
    return;
  after_event();
}

void scheduler_core::time_left(worker_id id, std::chrono::nanoseconds left) {
  auto found = workers_.find(id);
  if (found == workers_.end())
    return;
  auto& worker = found->second;
  auto before = std::exchange(worker.time_left_ns, to_ns(left));
  bool is_first = worker.life_ns == for_ever_ns;
  if (!is_first && worker.time_left_ns <= before)
    return; // as time goes by, less fits
  // What has begun meanwhile did so with no less than this.
  for (auto& lease : worker.leases)
    lease.time_left_ns = is_first ? worker.time_left_ns : lease.time_left_ns + (worker.time_left_ns - before);
  worker.life_ns = is_first ? worker.time_left_ns : std::max(worker.life_ns, worker.time_left_ns);
  measure_lives();
  after_event();
}

void scheduler_core::measure_lives() {
  longest_life_ns_ = 0;
  for (const auto& [id, worker] : workers_)
    if (!worker.leaving)
      longest_life_ns_ = std::max(longest_life_ns_, worker.life_ns);
}

void scheduler_core::drain(worker_id id) {
  auto found = workers_.find(id);
  if (found == workers_.end() || found->second.leaving)
    return;
  auto& worker = found->second;
  worker.leaving = true;
  threads_ -= worker.threads;
  vacating_.erase(id);
  measure_lives();
  if (worker.leases.empty())
    effects_.drained(id);
  else
    effects_.recall(id);
  after_event();
}

void scheduler_core::worker_left(worker_id worker, const failure& cause) {
  auto found = workers_.find(worker);
  if (found == workers_.end())
    return;
  auto gone = std::move(found->second);
  workers_.erase(found);
  vacating_.erase(worker);
  if (!gone.leaving)
    threads_ -= gone.threads;
  measure_lives();
  for (auto& [id, run] : runs_)
    std::erase(run->told, worker);
  bool is_excused = gone.leaving || blames_nobody(cause.code);
  std::uint64_t before = 0;
  for (const auto& lost : gone.leases) {
    bool begun = before++ < gone.in_hand();
    if (auto* run = find(lost.granted.run)) {
      --run->open_leases;
      if (is_excused && lost.past.excused < tuning::excuses)
        take_back_excused(*run, lost, gone, begun, cause);
      else
        take_back_from_dead(*run, lost, gone.leases.size() == 1, cause);
      forget_if_over(*run);
    }
  }
  // The tasks that submitted these runs are gone, and so is whoever could ask for them.
  release_all_of(worker);
  after_event();
}

void scheduler_core::client_joined(worker_id client) {
  clients_.insert(client);
}

void scheduler_core::client_left(worker_id client) {
  if (clients_.erase(client) == 0)
    return;
  release_all_of(client);
  after_event();
}

/// In order, as all else.
void scheduler_core::release_all_of(worker_id submitter) {
  std::vector<run_id> orphans;
  for (const auto& [id, run] : runs_)
    if (run->owner() == submitter)
      orphans.push_back(id);
  std::sort(orphans.begin(), orphans.end());
  for (auto run : orphans) {
    find(run)->spec.unattended = false; // its submitter is gone
    release_or_mark(run);
  }
}

/// A task waits for it, or may.
bool scheduler_core::is_of_a_task(const run_record& run) const {
  return run.owner() && !clients_.contains(run.owner());
}

void scheduler_core::worker_waits(worker_id worker, std::uint32_t waiting) {
  auto found = workers_.find(worker);
  if (found == workers_.end())
    return;
  auto& w = found->second;
  auto in_hand_before = w.in_hand();
  w.waiting = waiting;
  for (auto i = in_hand_before; i < w.in_hand() && i < w.leases.size(); ++i)
    w.leases[i].time_left_ns = w.time_left_ns; // they begin
  after_event();
}

/// The worker ended through no fault of its tasks. What it had not begun is as it was before. What it had begun is
/// counted, because a task that takes its node with it looks the same.
void scheduler_core::take_back_excused(run_record& run, const open_lease& lease, const worker_record& gone, bool begun,
                                       const failure& cause) {
  if (lease.left() == 0)
    return;
  auto rest = lease.past.part(lease.next(), lease.end());
  if (!begun) {
    give_back(run, rest);
    return;
  }
  ++rest.excused;
  bool is_over = cause.code == error_code::worker_walltime;
  auto left_ns = is_over ? 0 : gone.time_left_ns;
  std::uint64_t ran_ns = 0;
  if (lease.time_left_ns != for_ever_ns && lease.time_left_ns > left_ns)
    ran_ns = lease.time_left_ns - left_ns;
  bool is_whole = is_over && ran_ns != 0 && ran_ns >= whole_life(std::max(longest_life_ns_, gone.life_ns));
  // Of a short task this tells how old the last report was, and nothing new.
  if (!is_whole && more_than(ran_ns) <= with_margin(run.estimate->ns_per_task())) {
    give_back(run, rest);
    return;
  }
  auto first = rest.part(rest.first, rest.first + 1);
  first.ran_ns = std::max(first.ran_ns, ran_ns);
  first.outlived += is_whole;
  if (first.outlived > retries_ && run.states[first.first] == task_state::leased) {
    auto why = cause;
    why.text += "; the task was tried " + std::to_string(first.outlived) + (first.outlived == 1 ? " time" : " times") +
                " with all the time of a worker, " + duration_text(std::chrono::nanoseconds{first.ran_ns}) +
                ", and needs more: raise the walltime, or split the task";
    lose(run, first.first, why);
  } else {
    give_back(run, first);
  }
  give_back(run, rest.part(first.end(), rest.end()));
}

void scheduler_core::take_back_from_dead(run_record& run, const open_lease& lease, bool only_lease,
                                         const failure& cause) {
  if (lease.left() == 0)
    return;
  // Any of the worker's tasks may have killed it, also of leases ahead: results are reported some time after the task.
  // Smaller leases, each with a worker of its own, tell which, and let the others pass. A task that waits for others
  // may always have company; it is blamed when that has happened too often to be chance.
  auto back = lease.past.part(lease.next(), lease.end());
  if (lease.left() == 1 && !only_lease)
    ++back.shared;
  if (lease.left() > 1 || (!only_lease && back.shared < tuning::deaths_in_company)) {
    back.largest = std::max<std::uint64_t>(lease.left() / tuning::lease_growth, 1);
    // Long tasks of a worker with many threads: one of them has killed it, and a worker for each would cost hours. The
    // first time they go on as they were.
    if (lease.left() == 1 && back.shared < 2)
      back.largest = 0;
    give_back(run, back);
    return;
  }
  if (run.states[lease.next()] != task_state::leased)
    return;
  if (only_lease && back.deaths < retries_) {
    back.largest = 1;
    ++back.deaths;
    give_back(run, back);
    return;
  }
  lose(run, lease.next(), cause);
}

/// And all that is pending with it, when `max_lost` tasks are lost.
void scheduler_core::lose(run_record& run, std::uint64_t task, const failure& cause) {
  settle_failed(run, task, 1, task_state::lost, cause);
  if (!max_lost_ || run.given_up || run.tasks_in(task_state::lost) < *max_lost_)
    return;
  auto& why = run.given_up.emplace();
  why.code = error_code::run_given_up;
  why.text = std::to_string(*max_lost_) + (*max_lost_ == 1 ? " task of it was" : " tasks of it were") +
             " lost, and the option max_lost allows no more; the last one was task " + std::to_string(task) +
             ", whose worker " + cause.text;
  end_pending(run, task_state::lost, why);
}

/// All that is pending ends without a result.
void scheduler_core::end_pending(run_record& run, task_state state, const failure& cause) {
  for (const auto& p : run.pending.all()) {
    drop_pending(run, p.first, p.end());
    settle_failed(run, p.first, p.count, state, cause);
  }
}

void scheduler_core::workers_exhausted(const failure& cause) {
  exhausted_ = true;
  exhausted_cause_ = cause;
  std::vector<run_id> all;
  for (const auto& [id, run] : runs_)
    if (run->tasks_in(task_state::pending) != 0)
      all.push_back(id);
  std::sort(all.begin(), all.end());
  for (auto id : all) {
    auto& run = *find(id);
    end_pending(run, task_state::lost, exhausted_cause_);
    forget_if_over(run);
  }
  after_event();
}

// -- runs ---------------------------------------------------------------------------------------------------

void scheduler_core::submit(run_spec spec) {
  auto id = spec.run;
  auto [added, is_new] = runs_.try_emplace(id);
  if (!is_new)
    return;
  added->second = std::make_unique<run_record>();
  auto& run = *added->second;
  run.spec = std::move(spec);
  run.client = run.owner();
  if (auto* parent = find(run.spec.parent)) {
    parent->children.insert(id);
    run.client = parent->client;
  }
  run.needs = known_runs_among(run.spec.inputs);
  for (auto needed : run.needs)
    ++find(needed)->needed_by;
  run.function = function_key(run.spec);
  run.estimate = &estimates_[run.function];
  run.states.assign(run.spec.tasks, task_state::pending);
  run.tally[static_cast<std::size_t>(task_state::pending)] = run.spec.tasks;
  run.pending.add({0, run.spec.tasks});
  if (exhausted_) {
    end_pending(run, task_state::lost, exhausted_cause_);
  } else if (run.spec.inputs.empty()) {
    begin(run);
  } else {
    std::uint64_t tasks = 0;
    for (const auto& r : run.spec.inputs)
      tasks += r.count;
    waiter_id own{++last_own_waiter_};
    run.input_wait = own;
    input_waits_.emplace(own, id);
    wait(own, run.spec.inputs, tasks);
  }
  forget_if_over(run);
  after_event();
}

/// From here on workers may take its tasks.
void scheduler_core::begin(run_record& run) {
  run.inputs_ended = true;
  pending_tasks_ += run.tasks_in(task_state::pending);
  queue_up(run);
}

/// Puts the run where it belongs, by the pending tasks that it has.
void scheduler_core::queue_up(run_record& run) {
  auto id = run.spec.run;
  auto has = [&](piece_kind kind) { return run.inputs_ended && run.pending.any(kind); };
  if (!has(piece_kind::fresh)) {
    ready_.erase(id);
    if (std::exchange(run.late, false))
      late_.at(run.function).erase(id);
  } else if (run.late) {
    // It stays there until it gets something.
  } else if (is_of_a_task(run)) {
    // What a task waits for goes first, the youngest before all: the deeper tasks end before their elders go on.
    ready_.push_front(id);
  } else {
    ready_.push_back(id);
  }
  if (has(piece_kind::suspect))
    suspect_.push_back(id);
  else
    suspect_.erase(id);
  auto ran_ns = has(piece_kind::cut_short) ? run.pending.first(piece_kind::cut_short).ran_ns : 0;
  if (ran_ns == run.cut_short_ns)
    return;
  cut_short_.erase({run.cut_short_ns, id});
  run.cut_short_ns = ran_ns;
  if (ran_ns != 0)
    cut_short_.emplace(ran_ns, id);
}

void scheduler_core::begin_if_inputs_ended(run_record& run) {
  std::uint64_t bytes = 0;
  for (const auto& input : run.spec.inputs) {
    auto* source = find(input.run);
    failure why;
    why.code = error_code::dependency_failed;
    why.count = run.spec.tasks;
    if (!source) {
      why.text = "a future that it takes as an argument was released before it ended";
    } else {
      for (const auto& block : results({input})) {
        bytes += weight(block);
        if (!block.failures.empty() && why.text.empty()) {
          const auto& f = block.failures.front();
          if (f.code != error_code::dependency_failed) // that one says why already, and whose fault it was
            why.text = "a future that it takes as an argument failed: ";
          why.text += f.text.empty() ? std::string{describe(f.code)} : f.text;
        }
      }
      if (why.text.empty() && bytes > tuning::largest_message) {
        why.code = error_code::no_room;
        why.text = "the futures that it takes as arguments have more than " +
                   std::to_string(tuning::largest_message / 1'000'000) +
                   " MB of values, more than one message can carry; gather them and scatter the data";
      }
      if (why.text.empty())
        continue;
    }
    end_pending(run, task_state::error, why);
    forget_if_over(run);
    return;
  }
  begin(run);
}

void scheduler_core::cancel(const run_range& tasks) {
  auto* run = find(tasks.run);
  auto range = tasks;
  if (!run || !run->clip(range))
    return;
  settle_cancelled(*run, range);
  forget_if_over(*run);
  after_event();
}

void scheduler_core::settle_cancelled(run_record& run, const run_range& range) {
  failure why;
  why.code = error_code::task_cancelled;
  why.text = describe(why.code);
  struct stretch {
    std::uint64_t first;
    std::uint64_t count;
    task_state state;
  };
  std::vector<stretch> stretches;
  run.each_stretch(range.first, range.count, [&](std::uint64_t first, std::uint64_t count, task_state s) {
    if (!is_final(s))
      stretches.push_back({first, count, s});
  });
  bool leased = false;
  for (const auto& s : stretches) {
    if (s.state == task_state::pending)
      drop_pending(run, s.first, s.first + s.count);
    else
      leased = true;
    settle_failed(run, s.first, s.count, task_state::cancelled, why);
  }
  if (leased)
    for (const auto& [id, worker] : workers_)
      for (const auto& l : worker.leases)
        if (l.granted.run == range.run && l.next() < range.first + range.count && range.first < l.end()) {
          effects_.cancel(id, range);
          break;
        }
  for (auto id : run.children)
    if (auto* child = find(id); child && child->spec.parent_task - range.first < range.count)
      doomed_.push_back(id);
}

void scheduler_core::release(run_id id) {
  release_or_mark(id);
  after_event();
}

void scheduler_core::release_or_mark(run_id id) {
  auto* run = find(id);
  if (!run)
    return;
  run->released = true;
  if (!is_needed(*run))
    erase(id);
}

/// A run that is not needed is forgotten when it is released.
bool scheduler_core::is_needed(const run_record& run) {
  return run.needed_by != 0 || run.spec.unattended;
}

/// REQUIRES: nothing needs the run.
void scheduler_core::erase(run_id id) {
  auto& run = *find(id);
  settle_cancelled(run, {id, 0, run.states.size()});
  if (!run.inputs_ended) {
    stop_waiting(run.input_wait);
    input_waits_.erase(run.input_wait);
  }
  for (auto worker : run.told)
    effects_.forget(worker, id);
  let_go_of_inputs(run);
  for (const auto& [first, block] : run.blocks)
    let_go(objects_of(block));
  if (auto* parent = find(run.spec.parent))
    parent->children.erase(id);
  // Whoever still waits for its tasks has an answer: all have ended, as cancelled at the latest.
  runs_.erase(id);
}

void scheduler_core::let_go_of_inputs(run_record& run) {
  if (auto arguments = std::exchange(run.spec.objects, {}); !arguments.empty())
    effects_.let_go_of_arguments(run.spec.run, arguments);
  for (auto id : run.needs)
    if (auto* source = find(id)) {
      --source->needed_by;
      if (source->released && !is_needed(*source))
        unneeded_.push_back(id);
    }
  run.needs.clear();
}

void scheduler_core::drop_pending(run_record& run, std::uint64_t first, std::uint64_t last) {
  auto dropped = run.pending.drop(first, last);
  if (run.inputs_ended)
    pending_tasks_ -= dropped;
  queue_up(run);
}

void scheduler_core::give_back(run_record& run, const piece& tasks) {
  std::vector<piece> back;
  run.each_stretch(tasks.first, tasks.count, [&](std::uint64_t first, std::uint64_t count, task_state s) {
    if (s == task_state::leased)
      back.push_back(tasks.part(first, first + count));
  });
  if (back.empty())
    return;
  for (const auto& p : back) {
    settle(run, p.first, p.count, task_state::pending);
    run.pending.add(p);
    pending_tasks_ += p.count;
  }
  effects_.changed(run.spec.run);
  if (exhausted_) {
    end_pending(run, task_state::lost, exhausted_cause_);
    forget_if_over(run);
  } else if (run.given_up) {
    end_pending(run, task_state::lost, *run.given_up);
  } else {
    queue_up(run);
  }
}

// -- results ------------------------------------------------------------------------------------------------

void scheduler_core::report(worker_id id, lease_report report) {
  auto found = workers_.find(id);
  if (found == workers_.end())
    return;
  auto& worker = found->second;
  auto objects = objects_of(report.block);
  if (!objects.empty())
    effects_.claim(id, objects);
  auto open = std::find_if(worker.leases.begin(), worker.leases.end(),
                           [&](const open_lease& l) { return l.granted.id == report.id; });
  if (open == worker.leases.end()) {
    let_go(objects);
    return;
  }
  auto* run = find(open->granted.run);
  auto& block = report.block;
  block.run = open->granted.run;
  if (!well_formed(block) || (block.count != 0 && block.first != open->next()) || block.count > open->left() ||
      report.returned > open->left() - block.count) {
    failure why;
    why.code = error_code::corrupt_bytes;
    why.first = open->next();
    why.count = open->left();
    why.text = "the worker's report does not fit the tasks it was given";
    let_go(objects);
    report = {};
    block = failed_block(open->granted.run, std::move(why));
    report.closed = true;
  }
  if (report.busy_ns != 0 && run)
    run->estimate->measured(block.count, report.busy_ns, block.values.size() + block.offsets.size());
  worker.reported(*open, block.count);
  if (run && block.count != 0)
    settle_block(*run, std::move(block));
  else
    let_go(objects_of(block));

  auto back = report.closed ? open->left() : report.returned;
  if (back != 0) {
    worker.returned(*open, back);
    worker.holding_back = true;
    auto returned = open->past.part(open->end(), open->end() + back);
    if (returned.suspect())
      returned.largest = std::max<std::uint64_t>(back / tuning::lease_growth, 1);
    if (run)
      give_back(*run, returned);
  } else if (report.closed) {
    worker.holding_back = false;
  }
  if (report.closed) {
    worker.close(open);
    if (run)
      --run->open_leases;
    if (worker.leaving && worker.leases.empty())
      effects_.drained(id);
  }
  if (run)
    forget_if_over(*run);
  after_event();
}

void scheduler_core::let_go(const std::vector<object_id>& results) {
  if (!results.empty())
    effects_.let_go(results);
}

void scheduler_core::settle_block(run_record& run, result_block block) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> wanted;
  run.each_stretch(block.first, block.count, [&](std::uint64_t first, std::uint64_t count, task_state s) {
    if (s == task_state::leased)
      wanted.emplace_back(first, count);
  });
  // Of tasks that were cancelled meanwhile nobody wants the values.
  std::erase_if(block.stored, [&](const stored_value& s) {
    bool unwanted = std::none_of(wanted.begin(), wanted.end(),
                                 [&](const auto& w) { return s.task >= w.first && s.task - w.first < w.second; });
    if (unwanted)
      let_go({s.object});
    return unwanted;
  });
  for (auto [first, count] : wanted) {
    auto part = slice(block, first, count);
    auto next = first;
    for (const auto& f : part.failures) {
      settle(run, next, f.first - next, task_state::finished);
      settle(run, f.first, f.count, task_state::error);
      next = f.first + f.count;
    }
    settle(run, next, first + count - next, task_state::finished);
    run.blocks.emplace(first, std::move(part));
    notify_waiters(run, first, count);
  }
}

void scheduler_core::settle_failed(run_record& run, std::uint64_t first, std::uint64_t count, task_state state,
                                   const failure& cause) {
  if (count == 0)
    return;
  auto why = cause;
  why.first = first;
  why.count = count;
  settle(run, first, count, state);
  run.blocks.emplace(first, failed_block(run.spec.run, std::move(why)));
  notify_waiters(run, first, count);
}

void scheduler_core::settle(run_record& run, std::uint64_t first, std::uint64_t count, task_state state) {
  for (auto i = first; i < first + count; ++i) {
    --run.tally[static_cast<std::size_t>(run.states[i])];
    run.states[i] = state;
  }
  run.tally[static_cast<std::size_t>(state)] += count;
}

void scheduler_core::forget_if_over(run_record& run) {
  if (run.unfinished() != 0 || run.open_leases != 0)
    return;
  for (auto worker : run.told)
    effects_.forget(worker, run.spec.run);
  run.told.clear();
  let_go_of_inputs(run);
  if (!std::exchange(run.spec.unattended, false))
    return;
  effects_.unattended_ended(run.spec.run);
  if (run.released && !is_needed(run))
    unneeded_.push_back(run.spec.run);
}

// -- waits --------------------------------------------------------------------------------------------------

void scheduler_core::wait(waiter_id waiter, std::vector<run_range> tasks, std::uint64_t how_many) {
  std::uint64_t over = 0;
  for (auto& r : tasks) {
    auto* run = find(r.run);
    if (!run) {
      over += r.count;
      continue;
    }
    auto asked = r.count;
    if (!run->clip(r)) {
      over += asked;
      r.count = 0;
      continue;
    }
    over += asked - r.count;
    if (r.count == run->states.size()) {
      over += r.count - run->unfinished();
    } else {
      for (auto i = r.first; i < r.first + r.count; ++i)
        over += is_final(run->states[i]);
    }
  }
  if (over >= how_many) {
    waiter_done(waiter);
    return;
  }
  auto& record = waiters_[waiter];
  record.missing = how_many - over;
  record.runs = known_runs_among(tasks);
  for (const auto& r : tasks)
    if (auto* run = find(r.run); run && r.count != 0)
      run->waits.push_back({waiter, r.first, r.count});
}

/// Those of the runs that are known, each once, in order.
std::vector<run_id> scheduler_core::known_runs_among(const std::vector<run_range>& tasks) const {
  std::vector<run_id> runs;
  for (const auto& r : tasks)
    if (runs.empty() || runs.back() != r.run)
      runs.push_back(r.run);
  std::sort(runs.begin(), runs.end());
  runs.erase(std::unique(runs.begin(), runs.end()), runs.end());
  std::erase_if(runs, [this](run_id run) { return !knows(run); });
  return runs;
}

void scheduler_core::stop_waiting(waiter_id waiter) {
  auto found = waiters_.find(waiter);
  if (found == waiters_.end())
    return;
  for (auto id : found->second.runs)
    if (auto* run = find(id))
      std::erase_if(run->waits, [&](const run_record::wait& w) { return w.waiter == waiter; });
  waiters_.erase(found);
}

void scheduler_core::notify_waiters(run_record& run, std::uint64_t first, std::uint64_t count) {
  effects_.changed(run.spec.run);
  std::vector<waiter_id> done;
  for (const auto& w : run.waits) {
    auto begin = std::max(first, w.first);
    auto end = std::min(first + count, w.first + w.count);
    if (begin >= end)
      continue;
    auto& missing = waiters_.at(w.waiter).missing;
    if (missing == 0)
      continue;
    missing -= std::min(missing, end - begin);
    if (missing == 0)
      done.push_back(w.waiter);
  }
  if (done.empty())
    return;
  // All at once, because a thousand may wait for the same task.
  std::erase_if(run.waits, [&](const run_record::wait& w) { return waiters_.at(w.waiter).missing == 0; });
  for (auto waiter : done) {
    std::erase(waiters_.at(waiter).runs, run.spec.run);
    stop_waiting(waiter);
    waiter_done(waiter);
  }
}

void scheduler_core::waiter_done(waiter_id waiter) {
  if (waiter.value < own_waiters) {
    effects_.satisfied(waiter);
    return;
  }
  auto own = input_waits_.extract(waiter);
  if (!own.empty())
    inputs_ready_.push_back(own.mapped());
}

// -- handing out ----------------------------------------------------------------------------------------------

void scheduler_core::after_event() {
  // By lists and not by recursion: a chain of a million runs, each needing the one before, may end here at once.
  auto take = [this](std::vector<run_id>& list) -> run_record* {
    auto id = list.back();
    list.pop_back();
    return find(id);
  };
  while (true) {
    if (!inputs_ready_.empty()) {
      if (auto* run = take(inputs_ready_))
        begin_if_inputs_ended(*run);
    } else if (!doomed_.empty()) {
      if (auto* run = take(doomed_)) {
        settle_cancelled(*run, {run->spec.run, 0, run->states.size()});
        forget_if_over(*run);
      }
    } else if (!unneeded_.empty()) {
      if (auto* run = take(unneeded_))
        erase(run->spec.run);
    } else {
      break;
    }
  }
  assign();
}

void scheduler_core::assign() {
  grant_suspects();
  choose_vacating();
  held_ns_ = UINT64_MAX;
  if (!cut_short_.empty())
    grant_cut_short();
  if (!late_.empty())
    grant_late();
  for (std::size_t passed_over = 0; passed_over < ready_.size();) {
    auto& run = *find(ready_.front());
    if (!late_.contains(run.function)) {
      auto [worker, too_late, refused] = least_loaded(run);
      if (worker) {
        grant_next(*worker, run, piece_kind::fresh);
        passed_over = 0;
        continue;
      }
      if (!too_late && !refused)
        return;
      if (!too_late) { // that worker may have the tasks of other clients
        ready_.move_to_back(run.spec.run);
        ++passed_over;
        continue;
      }
    }
    // There is room, but not the time for this function: others may take less.
    ready_.erase(run.spec.run);
    run.late = true;
    late_[run.function].push_back(run.spec.run);
    hold_for_late(run);
  }
}

void scheduler_core::grant_suspects() {
  for (auto tries = suspect_.size(); tries != 0;) {
    auto& run = *find(suspect_.front());
    auto [worker, too_late, refused] = idle_worker(run, needed_ns(run, piece_kind::suspect));
    if (worker) {
      grant_next(*worker, run, piece_kind::suspect);
      tries = suspect_.size();
    } else if (too_late || refused) {
      suspect_.move_to_back(run.spec.run);
      --tries;
    } else {
      return;
    }
  }
}

/// Tasks of which is known how long they run at least go first: few workers have so much time, and only for a while.
void scheduler_core::grant_cut_short() {
  while (auto* worker = longest_lasting()) {
    auto time = worker->time_left_ns;
    // The longest that fits. Those from `end` on do not, unless nobody lives so long.
    auto end = cut_short_.end();
    if (time < whole_life(longest_life_ns_))
      end = cut_short_.upper_bound({time, run_id{}});
    auto fits = std::find_if(std::make_reverse_iterator(end), cut_short_.rend(), [&](const auto& entry) {
      const auto& run = *find(entry.second);
      return needed_ns(run, piece_kind::cut_short) <= time && may_have(*worker, run);
    });
    if (fits == cut_short_.rend())
      break;
    grant_next(*worker, *find(fits->second), piece_kind::cut_short);
  }
  if (!cut_short_.empty())
    held_ns_ = std::min(held_ns_, time_needed(0, cut_short_.begin()->first, longest_life_ns_));
}

/// Runs that others went before. Each gets one lease, and its turn comes as before.
void scheduler_core::grant_late() {
  for (auto next = late_.begin(); next != late_.end();) {
    auto& runs = next->second;
    while (!runs.empty()) {
      auto& run = *find(runs.front());
      auto* worker = least_loaded(run).worker;
      if (!worker) {
        hold_for_late(run);
        break;
      }
      runs.erase(run.spec.run);
      run.late = false;
      queue_up(run);
      grant_next(*worker, run, piece_kind::fresh);
    }
    next = runs.empty() ? late_.erase(next) : std::next(next);
  }
}

/// Workers that have the time for it come to have room for it, where it needs a thread at once.
void scheduler_core::hold_for_late(const run_record& run) {
  if (is_of_a_task(run) || !may_be_ahead(run.estimate->ns_per_task()))
    held_ns_ = std::min(held_ns_, needed_ns(run, piece_kind::fresh));
}

/// Time that a worker should have left for the run's next task of that kind. REQUIRES: there is one.
std::uint64_t scheduler_core::needed_ns(const run_record& run, piece_kind kind) const {
  return time_needed(run.estimate->ns_per_task(), run.pending.first(kind).ran_ns, longest_life_ns_);
}

/// The worker that a suspect may have: one without any lease. Where every worker has a task that waits, one that has
/// nothing else; it might take that task down with it.
auto scheduler_core::idle_worker(const run_record& run, std::uint64_t needed_ns) -> choice {
  choice only_waiting;
  bool all_wait = true;
  bool too_late = false;
  bool refused = false;
  for (auto& [id, worker] : workers_) {
    if (!worker.takes_more())
      continue;
    if (!may_have(worker, run)) {
      refused = true;
      continue;
    }
    bool in_time = worker.time_left_ns >= needed_ns;
    if (worker.leases.empty()) {
      if (in_time)
        return {&worker};
      too_late = true;
      continue;
    }
    all_wait = all_wait && worker.waiting != 0;
    if (!only_waiting.worker && in_time && worker.only_waits())
      only_waiting.worker = &worker;
  }
  if (all_wait && only_waiting.worker)
    return only_waiting;
  return {nullptr, too_late, refused};
}

/// As long as suspects wait for workers of their own, some workers get nothing new, so that they come to be idle: half
/// of them, as others have work, too.
void scheduler_core::choose_vacating() {
  if (suspect_.empty()) {
    vacating_.clear();
    return;
  }
  const auto& first = *find(suspect_.front());
  auto needed = needed_ns(first, piece_kind::suspect);
  std::erase_if(vacating_, [&](worker_id id) { return workers_.at(id).time_left_ns < needed; });
  auto soonest_idle = [&] {
    auto left = [](const worker_record& w) { return std::tuple{w.waiting != 0, w.open, w.load_ns}; };
    worker_record* best = nullptr;
    for (auto& [id, worker] : workers_)
      if (worker.stays() && worker.time_left_ns >= needed && !vacating_.contains(id) && may_have(worker, first) &&
          (!best || left(worker) < left(*best)))
        best = &worker;
    return best;
  };
  auto staying = static_cast<std::size_t>(
      std::count_if(workers_.begin(), workers_.end(), [](const auto& w) { return w.second.stays(); }));
  while (vacating_.size() < (staying + 1) / 2) {
    auto* worker = soonest_idle();
    if (!worker)
      return;
    vacating_.insert(worker->id);
  }
}

/// A worker that would fail the run's tasks gets them only where every other one would, too.
bool scheduler_core::may_have(const worker_record& worker, const run_record& run) const {
  if (worker.refused.empty() || !worker.refused.contains(run.client))
    return true;
  return std::all_of(workers_.begin(), workers_.end(), [&](const auto& other) {
    return other.second.leaving || other.second.refused.contains(run.client);
  });
}

bool scheduler_core::has_room(const worker_record& worker, run_id run, std::uint64_t ns_per_task) const {
  if (!worker.takes_more())
    return false;
  if (worker.suspects != 0)
    return worker.only_waits();
  if (vacating_.contains(worker.id))
    return false;
  if (worker.has_free_thread())
    return true;
  // Never ahead of tasks that may wait themselves: the youngest first keeps those that wait few.
  if (submitter_of(run))
    return false;
  // More than one lease ahead only where many runs have few tasks each.
  constexpr auto target = static_cast<std::uint64_t>(tuning::lease_duration.count());
  if (auto held = worker.leases_of.find(run); held != worker.leases_of.end() && held->second > worker.threads)
    return false;
  return !worker.holding_back && may_be_ahead(ns_per_task) && worker.time_left_ns < held_ns_ &&
         worker.open < tuning::leases_ahead && worker.load_ns < 2 * target * worker.threads;
}

auto scheduler_core::least_loaded(const run_record& run) -> choice {
  auto ns = run.estimate->ns_per_task();
  auto needed = needed_ns(run, piece_kind::fresh);
  choice best;
  // Where nothing is known of the time, leases count: a task that waits makes its worker no better than an idle one.
  auto load = [](const worker_record& w) { return std::tuple{!w.has_free_thread(), w.load_ns, w.open}; };
  for (auto& [id, worker] : workers_) {
    if (!has_room(worker, run.spec.run, ns))
      continue;
    if (worker.time_left_ns < needed)
      best.too_late = true;
    else if (!may_have(worker, run))
      best.refused = true;
    else if (!best.worker || load(worker) < load(*best.worker))
      best.worker = &worker;
  }
  return best;
}

/// Of the workers with a thread to spare, the one with the most time left.
auto scheduler_core::longest_lasting() -> worker_record* {
  worker_record* best = nullptr;
  for (auto& [id, worker] : workers_)
    if (has_room(worker, {}, 0) && (!best || best->time_left_ns < worker.time_left_ns))
      best = &worker;
  return best;
}

void scheduler_core::grant_next(worker_record& worker, run_record& run, piece_kind kind) {
  auto id = run.spec.run;
  const auto& next = run.pending.first(kind);
  const auto& estimate = *run.estimate;
  auto count = std::min(lease_size(estimate, pending_tasks_, threads_), next.count);
  if (next.suspect())
    count = std::min(count, next.largest);
  if (worker.time_left_ns != for_ever_ns) {
    auto ahead = worker.has_free_thread() ? 0 : worker.load_ns / worker.threads;
    count = tasks_in_time(count, estimate.ns_per_task(), worker.time_left_ns - std::min(ahead, worker.time_left_ns));
  }

  open_lease granted;
  granted.past = run.pending.take(kind, count);
  granted.granted = {lease_id{++last_lease_}, id, granted.past.first, count};
  granted.ns_per_task = estimate.ns_per_task();

  settle(run, granted.past.first, count, task_state::leased);
  pending_tasks_ -= count;
  ++run.open_leases;

  // In turn: a small run does not wait for the end of a large one before it. What a task waits for stays in front.
  if (!is_of_a_task(run) && kind != piece_kind::cut_short)
    (kind == piece_kind::suspect ? suspect_ : ready_).move_to_back(id);
  queue_up(run);

  if (std::find(run.told.begin(), run.told.end(), worker.id) == run.told.end()) {
    run.told.push_back(worker.id);
    effects_.describe(worker.id, {run.spec, results(run.spec.inputs), run.client});
  }
  effects_.grant(worker.id, granted.granted);
  worker.take(std::move(granted));
  effects_.changed(id);
}

// -- questions ------------------------------------------------------------------------------------------------

progress scheduler_core::counts(const std::vector<run_range>& tasks) const {
  std::unordered_map<run_id, std::vector<std::uint64_t>> in_hand;
  for (const auto& [id, worker] : workers_)
    for (std::size_t i = 0; i < worker.leases.size() && i < worker.in_hand(); ++i)
      if (worker.leases[i].left() != 0)
        in_hand[worker.leases[i].granted.run].push_back(worker.leases[i].next());

  progress sum;
  for (auto range : tasks) {
    auto* run = find(range.run);
    if (!run || !run->clip(range))
      continue;
    std::array<std::uint64_t, 6> tally{};
    if (range.count == run->states.size())
      tally = run->tally;
    else
      for (auto i = range.first; i < range.first + range.count; ++i)
        ++tally[static_cast<std::size_t>(run->states[i])];
    std::uint64_t running = 0;
    if (auto hand = in_hand.find(range.run); hand != in_hand.end())
      for (auto task : hand->second)
        running += task - range.first < range.count && run->states[task] == task_state::leased;
    sum.total += range.count;
    sum.running += running;
    sum.pending += tally[0] + tally[1] - running;
    sum.finished += tally[2];
    sum.error += tally[3];
    sum.cancelled += tally[4];
    sum.lost += tally[5];
  }
  return sum;
}

std::vector<run_range> scheduler_core::ended(const std::vector<run_range>& tasks) const {
  std::vector<run_range> answer;
  for (auto range : tasks) {
    auto* run = find(range.run);
    if (!run || !run->clip(range))
      continue;
    run_range open{range.run, range.first, 0};
    for (auto i = range.first; i < range.first + range.count; ++i) {
      if (is_final(run->states[i])) {
        if (open.count++ == 0)
          open.first = i;
      } else if (open.count != 0) {
        answer.push_back(open);
        open.count = 0;
      }
    }
    if (open.count != 0)
      answer.push_back(open);
  }
  return answer;
}

std::vector<result_block> scheduler_core::results(const std::vector<run_range>& tasks) const {
  std::vector<result_block> answer;
  for (auto range : tasks) {
    auto* run = find(range.run);
    if (!run || !run->clip(range))
      continue;
    auto end = range.first + range.count;
    auto i = run->blocks.upper_bound(range.first);
    if (i != run->blocks.begin())
      --i;
    for (; i != run->blocks.end() && i->first < end; ++i) {
      auto first = std::max(i->first, range.first);
      auto last = std::min(i->first + i->second.count, end);
      if (first < last)
        answer.push_back(slice(i->second, first, last - first));
    }
  }
  return answer;
}

std::uint64_t scheduler_core::running(worker_id worker) const {
  auto found = workers_.find(worker);
  return found == workers_.end() ? 0 : std::min<std::uint64_t>(found->second.leases.size(), found->second.in_hand());
}

std::vector<run_id> scheduler_core::runs() const {
  std::vector<run_id> all;
  for (const auto& [id, run] : runs_)
    all.push_back(id);
  std::ranges::sort(all);
  return all;
}

std::string scheduler_core::name_of(run_id run) const {
  const auto* known = find(run);
  return known ? known->spec.name : std::string{};
}

std::uint64_t scheduler_core::useful_threads(std::chrono::nanoseconds each) const {
  std::uint64_t threads = 0;
  for (const auto& [id, run] : runs_) {
    auto tasks = run->inputs_ended ? run->unfinished() : 0;
    if (tasks != 0 && run->estimate && run->estimate->known()) {
      auto work = static_cast<double>(tasks) * static_cast<double>(run->estimate->ns_per_task());
      auto busy = static_cast<std::uint64_t>(work / static_cast<double>(each.count())) + 1;
      tasks = std::min(tasks, busy);
    }
    threads += tasks;
  }
  return threads;
}

void scheduler_core::check_invariants() const {
  auto require = [](bool holds, const char* what) {
    if (!holds)
      throw std::logic_error{what};
  };
  std::uint64_t threads = 0;
  std::uint64_t longest_life_ns = 0;
  std::unordered_map<run_id, std::vector<run_range>> in_leases;
  std::unordered_map<run_id, std::uint64_t> leases;
  for (const auto& [id, worker] : workers_) {
    threads += worker.leaving ? 0 : worker.threads;
    longest_life_ns = std::max(longest_life_ns, worker.leaving ? 0 : worker.life_ns);
    require(worker.time_left_ns <= worker.life_ns, "a worker has more time left than it ever had");
    std::uint64_t suspects = 0;
    std::uint64_t load_ns = 0;
    for (const auto& l : worker.leases) {
      suspects += l.suspect();
      load_ns += l.left() * l.ns_per_task;
    }
    require(worker.leases.size() == worker.open && suspects == worker.suspects && load_ns == worker.load_ns,
            "a worker's load is wrong");
    for (const auto& l : worker.leases) {
      in_leases[l.granted.run].push_back({l.granted.run, l.next(), l.left()});
      ++leases[l.granted.run];
    }
  }
  require(threads == threads_, "threads are miscounted");
  require(longest_life_ns == longest_life_ns_, "the longest life is wrong");
  for (auto id : vacating_)
    require(workers_.contains(id) && workers_.at(id).stays(), "a worker is vacated that is gone");

  std::uint64_t pending = 0;
  std::size_t ready = 0;
  std::size_t cut_short = 0;
  std::unordered_map<run_id, std::uint64_t> needs;
  for (const auto& [id, run] : runs_) {
    std::array<std::uint64_t, 6> tally{};
    for (auto s : run->states)
      ++tally[static_cast<std::size_t>(s)];
    require(tally == run->tally, "a run's tally is not what its states say");
    require(run->open_leases == leases[id], "open leases are miscounted");

    std::vector<int> owners(run->states.size());
    auto own = [&](std::uint64_t first, std::uint64_t count, auto&& fits) {
      for (auto i = first; i < first + count; ++i) {
        require(i < owners.size() && fits(run->states[i]), "a task is held by somebody whom its state denies");
        ++owners[i];
      }
    };
    for (const auto& p : run->pending.all())
      own(p.first, p.count, [](task_state s) { return s == task_state::pending; });
    for (const auto& [first, block] : run->blocks) {
      require(first == block.first && well_formed(block), "a block of results is filed wrongly");
      own(block.first, block.count, is_final);
    }
    for (const auto& r : in_leases[id])
      for (auto i = r.first; i < r.first + r.count; ++i)
        if (run->states[i] == task_state::leased)
          ++owners[i];
    require(std::all_of(owners.begin(), owners.end(), [](int n) { return n == 1; }),
            "a task is held by nobody or twice");

    auto late = late_.find(run->function);
    bool is_late = late != late_.end() && late->second.contains(id);
    auto has = [&r = *run](piece_kind kind) { return r.inputs_ended && r.pending.any(kind); };
    require(is_late == run->late && !(is_late && ready_.contains(id)), "late_ is wrong");
    require((ready_.contains(id) || is_late) == has(piece_kind::fresh), "ready_ is wrong");
    require(suspect_.contains(id) == has(piece_kind::suspect), "suspect_ is wrong");
    require(cut_short_.contains({run->cut_short_ns, id}) == has(piece_kind::cut_short), "cut_short_ is wrong");
    ready += ready_.contains(id) + suspect_.contains(id) + is_late;
    cut_short += has(piece_kind::cut_short);
    if (run->inputs_ended)
      pending += run->tasks_in(task_state::pending);
    for (const auto& w : run->waits)
      require(waiters_.contains(w.waiter), "a wait has no waiter");
    for (auto needed : run->needs) {
      require(runs_.contains(needed), "a run is gone that another needs");
      ++needs[needed];
    }
  }
  for (const auto& [id, run] : runs_) {
    require(run->needed_by == needs[id], "the users of a run are miscounted");
    require(!run->released || is_needed(*run), "a released run is kept that nothing needs");
  }
  for (const auto& [function, runs] : late_)
    ready -= runs.size();
  require(ready == ready_.size() + suspect_.size() && cut_short == cut_short_.size() && pending == pending_tasks_,
          "pending tasks are miscounted");
}

} // namespace daskify::internal
