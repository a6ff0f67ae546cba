#include "daskify/scheduler/scheduler_core.hpp"

#include "daskify/protocol/result_block.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace daskify::internal {

namespace {

std::uint64_t to_ns(std::chrono::nanoseconds time) {
  return static_cast<std::uint64_t>(std::max(time.count(), std::chrono::nanoseconds::rep{0}));
}

/// Ids from here on are the core's own waits for the inputs of a run; its caller uses none of them.
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

void scheduler_core::apply(scheduler_event event) {
  std::visit([this](auto& of_a_kind) { on(of_a_kind); }, event);
}

run_record* scheduler_core::find(run_id run) const {
  auto found = runs_.find(run);
  return found == runs_.end() ? nullptr : found->second.get();
}

worker_record* scheduler_core::find(worker_id worker) {
  auto found = workers_.find(worker);
  return found == workers_.end() ? nullptr : &found->second;
}

// -- workers ------------------------------------------------------------------------------------------------

void scheduler_core::on(scheduler_events::worker_joined& event) {
  auto [added, is_new] = workers_.try_emplace(event.worker);
  if (!is_new)
    return;
  auto& worker = added->second;
  worker.id = event.worker;
  worker.threads = std::max<std::uint32_t>(event.threads, 1);
  worker.time_left_ns = to_ns(event.time_left);
  worker.life_ns = worker.time_left_ns;
  worker.paused = event.paused;
  threads_ += worker.threads;
  placement_.worker_joined(worker);
  exhausted_cause_.reset();
  settle();
}

void scheduler_core::on(const scheduler_events::worker_paused& event) {
  auto* worker = find(event.worker);
  if (!worker || std::exchange(worker->paused, true))
    return;
  placement_.unreserve(event.worker);
  if (!worker->leases.empty())
    effects_.recall(event.worker);
  settle();
}

void scheduler_core::on(const scheduler_events::worker_resumed& event) {
  auto* worker = find(event.worker);
  if (worker && std::exchange(worker->paused, false))
    settle();
}

void scheduler_core::on(const scheduler_events::worker_refuses& event) {
  auto* worker = find(event.worker);
  if (worker && worker->refused.insert(event.client).second)
    settle(); // if no other worker is left, the tasks have to fail
}

void scheduler_core::on(const scheduler_events::worker_time_left& event) {
  auto* worker = find(event.worker);
  if (!worker)
    return;
  auto before = std::exchange(worker->time_left_ns, to_ns(event.left));
  bool is_first = worker->life_ns == for_ever_ns;
  if (!is_first && worker->time_left_ns <= before)
    return; // less time lets nothing new fit
  // A lease that has begun meanwhile had at least this much time left.
  for (auto& lease : worker->leases)
    lease.time_left_ns = is_first ? worker->time_left_ns : lease.time_left_ns + (worker->time_left_ns - before);
  worker->life_ns = is_first ? worker->time_left_ns : std::max(worker->life_ns, worker->time_left_ns);
  placement_.measure_lives();
  settle();
}

void scheduler_core::on(const scheduler_events::worker_drains& event) {
  auto* worker = find(event.worker);
  if (!worker || std::exchange(worker->leaving, true))
    return;
  threads_ -= worker->threads;
  placement_.unreserve(event.worker);
  placement_.measure_lives();
  if (worker->leases.empty())
    effects_.drained(event.worker);
  else
    effects_.recall(event.worker);
  settle();
}

void scheduler_core::on(const scheduler_events::worker_has_waiting& event) {
  auto* worker = find(event.worker);
  if (!worker)
    return;
  auto slots_before = worker->running_slots();
  worker->waiting = event.tasks;
  for (auto i = slots_before; i < worker->running_slots() && i < worker->leases.size(); ++i)
    worker->leases[i].time_left_ns = worker->time_left_ns; // these leases begin
  settle();
}

void scheduler_core::on(const scheduler_events::worker_left& event) {
  auto found = workers_.extract(event.worker);
  if (found.empty())
    return;
  const auto& gone = found.mapped();
  placement_.unreserve(event.worker);
  placement_.measure_lives();
  if (!gone.leaving)
    threads_ -= gone.threads;
  for (auto& [id, run] : runs_)
    std::erase(run->described_to, event.worker);
  bool is_infrastructure = gone.leaving || is_infrastructure_loss(event.cause.code);
  end_of_worker end;
  end.walltime_over = event.cause.code == error_code::worker_walltime;
  end.time_left_ns = gone.time_left_ns;
  end.longest_life_ns = std::max(placement_.longest_life_ns(), gone.life_ns);
  std::uint64_t before = 0;
  for (const auto& lease : gone.leases) {
    end.begun = before++ < gone.running_slots();
    auto* run = find(lease.granted.run);
    if (!run)
      continue;
    --run->open_leases;
    end.ns_per_task = run->estimate->ns_per_task();
    take_back(*run,
              is_infrastructure && lease.past.infrastructure_losses < tuning::infrastructure_losses
                  ? after_infrastructure_loss(lease, end, retries_)
                  : after_death(lease, gone.leases.size() == 1, retries_),
              event.cause);
    forget_if_over(*run);
  }
  release_all_of(event.worker); // the tasks that submitted these runs, and could ask for the results, are gone
  settle();
}

void scheduler_core::take_back(run_record& run, const verdict& what, const failure& cause) {
  if (what.lost && run.states[*what.lost] == task_state::leased) {
    auto why = cause;
    why.text += what.why;
    lose(run, *what.lost, why);
  }
  for (const auto& tasks : what.back)
    give_back(run, tasks);
}

void scheduler_core::on(const scheduler_events::workers_exhausted& event) {
  exhausted_cause_ = event.cause;
  for (auto id : runs()) {
    auto* run = find(id);
    if (run->tasks_in(task_state::pending) == 0)
      continue;
    end_pending(*run, task_state::lost, event.cause);
    forget_if_over(*run);
  }
  settle();
}

// -- clients ------------------------------------------------------------------------------------------------

void scheduler_core::on(const scheduler_events::client_joined& event) {
  clients_.insert(event.client);
}

void scheduler_core::on(const scheduler_events::client_left& event) {
  if (clients_.erase(event.client) == 0)
    return;
  release_all_of(event.client);
  settle();
}

/// Releases the runs in the order of their ids, so that the same events give the same effects.
void scheduler_core::release_all_of(worker_id submitter) {
  std::vector<run_id> orphans;
  for (const auto& [id, run] : runs_)
    if (run->owner() == submitter)
      orphans.push_back(id);
  std::ranges::sort(orphans);
  for (auto id : orphans) {
    find(id)->spec.unattended = false; // its submitter is gone
    release_or_mark(id);
  }
}

// -- runs ---------------------------------------------------------------------------------------------------

void scheduler_core::on(scheduler_events::run_submitted& event) {
  auto [added, is_new] = runs_.try_emplace(event.spec.run);
  if (!is_new)
    return;
  added->second = std::make_unique<run_record>();
  auto& run = *added->second;
  run.spec = std::move(event.spec);
  add_to_family(run);
  run.function = function_key(run.spec);
  run.estimate = &estimates_[run.function];
  run.states.assign(run.spec.tasks, task_state::pending);
  run.tally[static_cast<std::size_t>(task_state::pending)] = run.spec.tasks;
  run.pending.add({0, run.spec.tasks});
  if (exhausted_cause_)
    end_pending(run, task_state::lost, *exhausted_cause_);
  else if (run.spec.inputs.empty())
    begin(run);
  else
    begin_when_inputs_end(run);
  forget_if_over(run);
  settle();
}

/// Sets the run's parent, its client, and the runs whose results it needs.
void scheduler_core::add_to_family(run_record& run) {
  run.client = run.owner();
  run.is_of_a_task = run.owner() && !clients_.contains(run.owner());
  if (auto* parent = find(run.spec.parent)) {
    parent->children.insert(run.spec.run);
    run.client = parent->client;
  }
  run.needs = known_runs_among(run.spec.inputs);
  for (auto needed : run.needs)
    ++find(needed)->needed_by;
}

void scheduler_core::begin_when_inputs_end(run_record& run) {
  std::uint64_t tasks = 0;
  for (const auto& r : run.spec.inputs)
    tasks += r.count;
  run.input_wait = {++last_own_waiter_};
  input_waits_.emplace(run.input_wait, run.spec.run);
  scheduler_events::wait_begun wait{run.input_wait, run.spec.inputs, tasks};
  on(wait);
}

/// Workers may take the tasks from here on.
void scheduler_core::begin(run_record& run) {
  run.inputs_ended = true;
  pending_tasks_ += run.tasks_in(task_state::pending);
  placement_.refile(run);
}

void scheduler_core::begin_if_inputs_ended(run_record& run) {
  auto why = why_inputs_cannot_be_used(run);
  if (!why) {
    begin(run);
    return;
  }
  end_pending(run, task_state::error, *why);
  forget_if_over(run);
}

std::optional<failure> scheduler_core::why_inputs_cannot_be_used(const run_record& run) const {
  failure why;
  why.code = error_code::dependency_failed;
  why.count = run.spec.tasks;
  std::uint64_t bytes = 0;
  for (const auto& input : run.spec.inputs) {
    if (!knows(input.run)) {
      why.text = "a future that it takes as an argument was released before it ended";
      return why;
    }
    for (const auto& block : results({input})) {
      bytes += weight(block);
      if (block.failures.empty())
        continue;
      const auto& f = block.failures.front();
      if (f.code != error_code::dependency_failed) // its text already names the cause and where it arose
        why.text = "a future that it takes as an argument failed: ";
      why.text += f.text.empty() ? std::string{describe(f.code)} : f.text;
      return why;
    }
  }
  if (bytes <= tuning::largest_message)
    return {};
  why.code = error_code::no_room;
  why.text = "the futures that it takes as arguments have more than " +
             std::to_string(tuning::largest_message / 1'000'000) +
             " MB of values, more than one message can carry; gather them and scatter the data";
  return why;
}

void scheduler_core::on(const scheduler_events::tasks_cancelled& event) {
  auto* run = find(event.tasks.run);
  auto range = event.tasks;
  if (!run || !run->clip(range))
    return;
  cancel_unfinished(*run, range);
  forget_if_over(*run);
  settle();
}

void scheduler_core::cancel_unfinished(run_record& run, const run_range& range) {
  failure why;
  why.code = error_code::task_cancelled;
  why.text = describe(why.code);
  std::vector<run_range> pending;
  std::vector<run_range> leased;
  run.each_stretch(range.first, range.count, [&](std::uint64_t first, std::uint64_t count, task_state s) {
    if (!is_final(s))
      (s == task_state::pending ? pending : leased).push_back({range.run, first, count});
  });
  for (const auto& r : pending) {
    drop_pending(run, r.first, r.first + r.count);
    settle_failed(run, r.first, r.count, task_state::cancelled, why);
  }
  for (const auto& r : leased)
    settle_failed(run, r.first, r.count, task_state::cancelled, why);
  if (!leased.empty())
    for (const auto& [id, worker] : workers_)
      if (std::ranges::any_of(worker.leases, [&](const open_lease& l) {
            return l.granted.run == range.run && l.next() < range.first + range.count && range.first < l.end();
          }))
        effects_.cancel(id, range);
  for (auto id : run.children)
    if (auto* child = find(id); child && child->spec.parent_task - range.first < range.count)
      doomed_.push_back(id);
}

void scheduler_core::on(const scheduler_events::run_released& event) {
  release_or_mark(event.run);
  settle();
}

void scheduler_core::release_or_mark(run_id id) {
  auto* run = find(id);
  if (!run)
    return;
  run->released = true;
  if (!run->is_needed())
    erase(id);
}

/// REQUIRES: nothing needs the run.
void scheduler_core::erase(run_id id) {
  auto& run = *find(id);
  cancel_unfinished(run, {id, 0, run.states.size()});
  if (!run.inputs_ended) {
    waits_.stop(run.input_wait);
    input_waits_.erase(run.input_wait);
  }
  for (auto worker : run.described_to)
    effects_.forget(worker, id);
  release_inputs(run);
  for (const auto& [first, block] : run.blocks)
    release_results(objects_of(block));
  if (auto* parent = find(run.spec.parent))
    parent->children.erase(id);
  waits_.forget(id);
  runs_.erase(id);
}

void scheduler_core::release_inputs(run_record& run) {
  if (auto arguments = std::exchange(run.spec.objects, {}); !arguments.empty())
    effects_.release_arguments_of(run.spec.run, arguments);
  for (auto id : run.needs)
    if (auto* source = find(id)) {
      --source->needed_by;
      if (source->released && !source->is_needed())
        unneeded_.push_back(id);
    }
  run.needs.clear();
}

void scheduler_core::forget_if_over(run_record& run) {
  if (run.unfinished() != 0 || run.open_leases != 0)
    return;
  for (auto worker : run.described_to)
    effects_.forget(worker, run.spec.run);
  run.described_to.clear();
  release_inputs(run);
  if (!std::exchange(run.spec.unattended, false))
    return;
  effects_.unattended_ended(run.spec.run);
  if (run.released && !run.is_needed())
    unneeded_.push_back(run.spec.run);
}

// -- tasks that end without a result ------------------------------------------------------------------------

/// The task is lost, and all pending tasks with it when `max_lost` tasks are lost.
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

void scheduler_core::end_pending(run_record& run, task_state state, const failure& cause) {
  for (const auto& p : run.pending.all()) {
    drop_pending(run, p.first, p.end());
    settle_failed(run, p.first, p.count, state, cause);
  }
}

void scheduler_core::drop_pending(run_record& run, std::uint64_t first, std::uint64_t last) {
  auto dropped = run.pending.drop(first, last);
  if (run.inputs_ended)
    pending_tasks_ -= dropped;
  placement_.refile(run);
}

/// Makes tasks of a lease pending again, except those that were cancelled meanwhile.
void scheduler_core::give_back(run_record& run, const piece& tasks) {
  std::vector<piece> back;
  run.each_stretch(tasks.first, tasks.count, [&](std::uint64_t first, std::uint64_t count, task_state s) {
    if (s == task_state::leased)
      back.push_back(tasks.part(first, first + count));
  });
  if (back.empty())
    return;
  for (const auto& p : back) {
    run.settle(p.first, p.count, task_state::pending);
    run.pending.add(p);
    pending_tasks_ += p.count;
  }
  effects_.changed(run.spec.run);
  if (exhausted_cause_) {
    end_pending(run, task_state::lost, *exhausted_cause_);
    forget_if_over(run);
  } else if (run.given_up) {
    end_pending(run, task_state::lost, *run.given_up);
  } else {
    placement_.refile(run);
  }
}

void scheduler_core::settle_failed(run_record& run, std::uint64_t first, std::uint64_t count, task_state state,
                                   const failure& cause) {
  if (count == 0)
    return;
  auto why = cause;
  why.first = first;
  why.count = count;
  run.settle(first, count, state);
  run.blocks.emplace(first, failed_block(run.spec.run, std::move(why)));
  tasks_ended(run, first, count);
}

// -- results ------------------------------------------------------------------------------------------------

void scheduler_core::on(scheduler_events::lease_reported& event) {
  auto* worker = find(event.worker);
  if (!worker)
    return;
  auto& report = event.report;
  auto objects = objects_of(report.block);
  if (!objects.empty())
    effects_.adopt_results(event.worker, objects);
  auto lease = std::ranges::find(worker->leases, report.id, [](const open_lease& l) { return l.granted.id; });
  if (lease == worker->leases.end()) {
    release_results(objects);
    return;
  }
  auto& block = report.block;
  block.run = lease->granted.run;
  if (!well_formed(block) || (block.count != 0 && block.first != lease->next()) || block.count > lease->left() ||
      report.returned > lease->left() - block.count) {
    release_results(objects);
    refuse_report(*lease, report);
  }
  auto* run = find(lease->granted.run);
  if (report.busy_ns != 0 && run)
    run->estimate->measured(block.count, report.busy_ns, block.values.size() + block.offsets.size());
  worker->reported(*lease, block.count);
  if (run && block.count != 0)
    settle_block(*run, std::move(block));
  else
    release_results(objects_of(block));

  if (auto back = report.closed ? lease->left() : report.returned; back != 0)
    return_tasks(*worker, *lease, back);
  else if (report.closed)
    worker->holding_back = false;
  if (report.closed) {
    worker->close(lease);
    if (run)
      --run->open_leases;
    if (worker->leaving && worker->leases.empty())
      effects_.drained(event.worker);
  }
  if (run)
    forget_if_over(*run);
  settle();
}

/// Replaces a report that does not fit the lease: the remaining tasks of the lease fail.
void scheduler_core::refuse_report(const open_lease& lease, lease_report& report) const {
  failure why;
  why.code = error_code::corrupt_bytes;
  why.first = lease.next();
  why.count = lease.left();
  why.text = "the worker's report does not fit the tasks it was given";
  report = {};
  report.block = failed_block(lease.granted.run, std::move(why));
  report.closed = true;
}

/// Takes back the last `count` tasks of the lease, which have not begun.
void scheduler_core::return_tasks(worker_record& worker, open_lease& lease, std::uint64_t count) {
  worker.returned(lease, count);
  worker.holding_back = true;
  auto tasks = lease.past.part(lease.end(), lease.end() + count);
  if (tasks.quarantined())
    tasks.largest = std::max<std::uint64_t>(count / tuning::lease_growth, 1);
  if (auto* run = find(lease.granted.run))
    give_back(*run, tasks);
}

void scheduler_core::release_results(const std::vector<object_id>& results) {
  if (!results.empty())
    effects_.release_results(results);
}

void scheduler_core::settle_block(run_record& run, result_block block) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> wanted;
  run.each_stretch(block.first, block.count, [&](std::uint64_t first, std::uint64_t count, task_state s) {
    if (s == task_state::leased)
      wanted.emplace_back(first, count);
  });
  // The values of tasks that were cancelled meanwhile are not needed.
  std::erase_if(block.stored, [&](const stored_value& s) {
    bool unwanted = std::none_of(wanted.begin(), wanted.end(),
                                 [&](const auto& w) { return s.task >= w.first && s.task - w.first < w.second; });
    if (unwanted)
      release_results({s.object});
    return unwanted;
  });
  for (auto [first, count] : wanted) {
    auto part = slice(block, first, count);
    auto next = first;
    for (const auto& f : part.failures) {
      run.settle(next, f.first - next, task_state::finished);
      run.settle(f.first, f.count, task_state::error);
      next = f.first + f.count;
    }
    run.settle(next, first + count - next, task_state::finished);
    run.blocks.emplace(first, std::move(part));
    tasks_ended(run, first, count);
  }
}

// -- waits --------------------------------------------------------------------------------------------------

void scheduler_core::on(scheduler_events::wait_begun& event) {
  std::uint64_t ended = 0;
  for (auto& tasks : event.tasks)
    ended += ended_of(tasks);
  if (ended >= event.how_many)
    wait_is_over(event.waiter);
  else
    waits_.add(event.waiter, event.tasks, event.how_many - ended);
}

/// Returns how many of the tasks have ended. Tasks that their run does not have count as ended and are clipped away.
std::uint64_t scheduler_core::ended_of(run_range& tasks) const {
  auto asked = tasks.count;
  auto* run = find(tasks.run);
  if (!run || !run->clip(tasks)) {
    tasks.count = 0;
    return asked;
  }
  auto ended = asked - tasks.count;
  if (tasks.count == run->states.size())
    return ended + tasks.count - run->unfinished();
  for (auto i = tasks.first; i < tasks.first + tasks.count; ++i)
    ended += is_final(run->states[i]);
  return ended;
}

void scheduler_core::on(const scheduler_events::wait_stopped& event) {
  waits_.stop(event.waiter);
}

void scheduler_core::tasks_ended(run_record& run, std::uint64_t first, std::uint64_t count) {
  effects_.changed(run.spec.run);
  for (auto waiter : waits_.ended({run.spec.run, first, count}))
    wait_is_over(waiter);
}

void scheduler_core::wait_is_over(waiter_id waiter) {
  if (waiter.value < own_waiters)
    effects_.satisfied(waiter);
  else if (auto own = input_waits_.extract(waiter); !own.empty())
    inputs_ready_.push_back(own.mapped());
}

/// The known runs among these, each once, in the order of their ids.
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

// -- after each event ---------------------------------------------------------------------------------------

/// Does what has become due, and grants what workers can take now.
void scheduler_core::settle() {
  // Uses lists instead of recursion, because a chain of a million runs, each needing the one before, may end at once.
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
        cancel_unfinished(*run, {run->spec.run, 0, run->states.size()});
        forget_if_over(*run);
      }
    } else if (!unneeded_.empty()) {
      if (auto* run = take(unneeded_))
        erase(run->spec.run);
    } else {
      break;
    }
  }
  while (auto next = placement_.next())
    grant(*next);
}

void scheduler_core::grant(const placement::grant& next) {
  auto& run = *find(next.run);
  auto& worker = *find(next.worker);
  auto count = next_lease_size(worker, run, run.pending.first(next.kind));

  open_lease granted;
  granted.past = run.pending.take(next.kind, count);
  granted.granted = {lease_id{++last_lease_}, next.run, granted.past.first, count};
  granted.ns_per_task = run.estimate->ns_per_task();
  run.settle(granted.past.first, count, task_state::leased);
  pending_tasks_ -= count;
  ++run.open_leases;
  placement_.granted(run, next.kind);

  if (std::ranges::find(run.described_to, worker.id) == run.described_to.end()) {
    run.described_to.push_back(worker.id);
    effects_.describe(worker.id, {run.spec, results(run.spec.inputs), run.client});
  }
  effects_.grant(worker.id, granted.granted);
  worker.take(granted);
  effects_.changed(next.run);
}

std::uint64_t scheduler_core::next_lease_size(const worker_record& worker, const run_record& run,
                                              const piece& next) const {
  auto count = std::min(lease_size(*run.estimate, pending_tasks_, threads_), next.count);
  if (next.quarantined())
    count = std::min(count, next.largest);
  if (worker.time_left_ns == for_ever_ns)
    return count;
  auto ahead_ns = worker.has_free_thread() ? 0 : worker.load_ns / worker.threads;
  return tasks_in_time(count, run.estimate->ns_per_task(),
                       worker.time_left_ns - std::min(ahead_ns, worker.time_left_ns));
}

// -- questions ------------------------------------------------------------------------------------------------

progress scheduler_core::counts(const std::vector<run_range>& tasks) const {
  std::unordered_map<run_id, std::vector<std::uint64_t>> running_tasks;
  for (const auto& [id, worker] : workers_)
    for (std::size_t i = 0; i < worker.leases.size() && i < worker.running_slots(); ++i)
      if (worker.leases[i].left() != 0)
        running_tasks[worker.leases[i].granted.run].push_back(worker.leases[i].next());

  progress sum;
  for (auto range : tasks) {
    auto* run = find(range.run);
    if (!run || !run->clip(range))
      continue;
    std::array<std::uint64_t, task_states> tally{};
    if (range.count == run->states.size())
      tally = run->tally;
    else
      for (auto i = range.first; i < range.first + range.count; ++i)
        ++tally[static_cast<std::size_t>(run->states[i])];
    std::uint64_t running = 0;
    if (auto in_run = running_tasks.find(range.run); in_run != running_tasks.end())
      for (auto task : in_run->second)
        running += task - range.first < range.count && run->states[task] == task_state::leased;
    sum.total += range.count;
    sum.running += running;
    auto of = [&tally](task_state s) { return tally[static_cast<std::size_t>(s)]; };
    sum.pending += of(task_state::pending) + of(task_state::leased) - running;
    sum.finished += of(task_state::finished);
    sum.error += of(task_state::error);
    sum.cancelled += of(task_state::cancelled);
    sum.lost += of(task_state::lost);
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
  return found == workers_.end() ? 0
                                 : std::min<std::uint64_t>(found->second.leases.size(), found->second.running_slots());
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

} // namespace daskify::internal
