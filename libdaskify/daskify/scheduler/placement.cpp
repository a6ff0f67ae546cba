#include "daskify/scheduler/placement.hpp"

#include "daskify/defaults.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <tuple>

namespace daskify::internal {

namespace {

/// A lease ahead saves the round trip between two leases, but may wait behind a slow task: only for short tasks.
bool may_be_ahead(std::uint64_t ns_per_task) {
  return ns_per_task != 0 && ns_per_task <= static_cast<std::uint64_t>(tuning::lease_duration.count());
}

} // namespace

// -- queues -------------------------------------------------------------------------------------------------

bool placement::is_deferred(const run_record& run) const {
  auto found = deferred_.find(run.function);
  return found != deferred_.end() && found->second.contains(run.spec.run);
}

void placement::refile(const run_record& run) {
  auto id = run.spec.run;
  bool deferred = !deferred_.empty() && is_deferred(run);
  if (!run.offers(piece_kind::fresh)) {
    ready_.erase(id);
    if (deferred) {
      auto& queue = deferred_.at(run.function);
      queue.erase(id);
      if (queue.empty())
        deferred_.erase(run.function);
    }
  } else if (deferred) {
    // The run stays deferred until it gets a lease.
  } else if (run.is_of_a_task) {
    // The youngest run goes first, because tasks that wait go on only after the deeper tasks have ended.
    ready_.push_front(id);
  } else {
    ready_.push_back(id);
  }
  if (run.offers(piece_kind::quarantined))
    quarantined_.push_back(id);
  else
    quarantined_.erase(id);
  if (auto before = interrupted_ns_.extract(id); !before.empty())
    interrupted_.erase({before.mapped(), id});
  if (run.offers(piece_kind::interrupted)) {
    auto ran_ns = run.pending.first(piece_kind::interrupted).ran_ns;
    interrupted_.emplace(ran_ns, id);
    interrupted_ns_.emplace(id, ran_ns);
  }
}

/// Moves the run to the back, so that small runs do not wait for the end of a large one. Runs of tasks stay in front.
void placement::granted(const run_record& run, piece_kind kind) {
  if (!run.is_of_a_task && kind != piece_kind::interrupted)
    (kind == piece_kind::quarantined ? quarantined_ : ready_).move_to_back(run.spec.run);
  refile(run);
}

void placement::measure_lives() {
  longest_life_ns_ = 0;
  for (const auto& [id, worker] : workers_)
    if (!worker.leaving)
      longest_life_ns_ = std::max(longest_life_ns_, worker.life_ns);
}

// -- the next grant -----------------------------------------------------------------------------------------

auto placement::next() -> std::optional<grant> {
  if (auto chosen = next_quarantined())
    return chosen;
  reserve_workers();
  held_ns_ = UINT64_MAX;
  if (auto chosen = next_interrupted())
    return chosen;
  if (auto chosen = next_deferred())
    return chosen;
  return next_ready();
}

auto placement::next_quarantined() -> std::optional<grant> {
  for (auto tries = quarantined_.size(); tries != 0; --tries) {
    const auto& run = at(quarantined_.front());
    auto [worker, too_late, refused] = idle_worker(run);
    if (worker)
      return grant{worker->id, run.spec.run, piece_kind::quarantined};
    if (!too_late && !refused)
      return {};
    quarantined_.move_to_back(run.spec.run);
  }
  return {};
}

/// Interrupted tasks go before fresh tasks, because few workers have enough time left, and only for a while.
auto placement::next_interrupted() -> std::optional<grant> {
  if (interrupted_.empty())
    return {};
  if (const auto* worker = longest_lasting()) {
    auto time = worker->time_left_ns;
    // The longest task that fits. The entries from `end` on do not fit, unless no worker lives long enough.
    auto end = interrupted_.end();
    if (time < whole_life(longest_life_ns_))
      end = interrupted_.upper_bound({time, run_id{}});
    auto fits = std::find_if(std::make_reverse_iterator(end), interrupted_.rend(), [&](const auto& entry) {
      const auto& run = at(entry.second);
      return needed_ns(run, piece_kind::interrupted) <= time && may_have(*worker, run);
    });
    if (fits != interrupted_.rend())
      return grant{worker->id, fits->second, piece_kind::interrupted};
  }
  held_ns_ = std::min(held_ns_, time_needed(0, interrupted_.begin()->first, longest_life_ns_));
  return {};
}

/// A deferred run gets one lease, and then takes turns as before.
auto placement::next_deferred() -> std::optional<grant> {
  for (auto& [function, runs] : deferred_) {
    const auto& run = at(runs.front());
    const auto* worker = least_loaded(run).worker;
    if (!worker) {
      hold_for(run);
      continue;
    }
    grant chosen{worker->id, run.spec.run, piece_kind::fresh};
    runs.erase(run.spec.run);
    if (runs.empty())
      deferred_.erase(run.function);
    refile(run);
    return chosen;
  }
  return {};
}

auto placement::next_ready() -> std::optional<grant> {
  for (std::size_t passed_over = 0; passed_over < ready_.size();) {
    const auto& run = at(ready_.front());
    if (!deferred_.empty() && deferred_.contains(run.function)) {
      defer(run);
      continue;
    }
    auto [worker, too_late, refused] = least_loaded(run);
    if (worker)
      return grant{worker->id, run.spec.run, piece_kind::fresh};
    if (too_late) {
      defer(run);
    } else if (refused) { // the worker may take tasks of other clients
      ready_.move_to_back(run.spec.run);
      ++passed_over;
    } else {
      return {};
    }
  }
  return {};
}

/// Some worker has room, but not enough time for this function; other functions may take less.
void placement::defer(const run_record& run) {
  ready_.erase(run.spec.run);
  deferred_[run.function].push_back(run.spec.run);
  hold_for(run);
}

/// If the run needs a free thread, workers with enough time get no leases ahead, so that a thread becomes free.
void placement::hold_for(const run_record& deferred) {
  if (deferred.is_of_a_task || !may_be_ahead(deferred.estimate->ns_per_task()))
    held_ns_ = std::min(held_ns_, needed_ns(deferred, piece_kind::fresh));
}

// -- workers ------------------------------------------------------------------------------------------------

/// Time that a worker should have left for the run's next task of that kind. REQUIRES: there is one.
std::uint64_t placement::needed_ns(const run_record& run, piece_kind kind) const {
  return time_needed(run.estimate->ns_per_task(), run.pending.first(kind).ran_ns, longest_life_ns_);
}

/// Chooses a worker without any lease, for a quarantined task. If every worker has a task that waits, chooses a worker
/// that has nothing else, although the quarantined task might kill the waiting one, too.
auto placement::idle_worker(const run_record& run) const -> choice {
  auto needed = needed_ns(run, piece_kind::quarantined);
  choice only_waiting;
  bool all_wait = true;
  bool too_late = false;
  bool refused = false;
  for (const auto& [id, worker] : workers_) {
    if (!worker.takes_more())
      continue;
    if (!may_have(worker, run)) {
      refused = true;
      continue;
    }
    bool in_time = worker.time_left_ns >= needed;
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

/// As long as quarantined tasks wait, some workers get nothing new, so that they become idle: half of the workers,
/// because the other tasks need some, too.
void placement::reserve_workers() {
  if (quarantined_.empty()) {
    reserved_.clear();
    return;
  }
  const auto& first = at(quarantined_.front());
  auto needed = needed_ns(first, piece_kind::quarantined);
  std::erase_if(reserved_, [&](worker_id id) { return workers_.at(id).time_left_ns < needed; });
  auto staying = static_cast<std::size_t>(
      std::count_if(workers_.begin(), workers_.end(), [](const auto& w) { return w.second.stays(); }));
  while (reserved_.size() < (staying + 1) / 2) {
    const auto* worker = soonest_idle(first);
    if (!worker)
      return;
    reserved_.insert(worker->id);
  }
}

/// The worker with the least work among those not reserved yet; null: none.
const worker_record* placement::soonest_idle(const run_record& for_run) const {
  auto needed = needed_ns(for_run, piece_kind::quarantined);
  auto work = [](const worker_record& w) { return std::tuple{w.waiting != 0, w.open, w.load_ns}; };
  const worker_record* best = nullptr;
  for (const auto& [id, worker] : workers_)
    if (worker.stays() && worker.time_left_ns >= needed && !reserved_.contains(id) && may_have(worker, for_run) &&
        (!best || work(worker) < work(*best)))
      best = &worker;
  return best;
}

/// A worker that would fail the run's tasks gets them only if every other worker would fail them, too.
bool placement::may_have(const worker_record& worker, const run_record& run) const {
  if (worker.refused.empty() || !worker.refused.contains(run.client))
    return true;
  return std::all_of(workers_.begin(), workers_.end(), [&](const auto& other) {
    return other.second.leaving || other.second.refused.contains(run.client);
  });
}

bool placement::has_room(const worker_record& worker, run_id run, std::uint64_t ns_per_task) const {
  if (!worker.takes_more())
    return false;
  if (worker.quarantined != 0)
    return worker.only_waits();
  if (reserved_.contains(worker.id))
    return false;
  if (worker.has_free_thread())
    return true;
  // Not behind tasks that may wait themselves: serving the youngest run first keeps the number of waiting tasks low.
  if (submitter_of(run))
    return false;
  // A run gets at most one lease ahead; a worker gets more only if many runs have few tasks each.
  constexpr auto target = static_cast<std::uint64_t>(tuning::lease_duration.count());
  if (auto held = worker.leases_of.find(run); held != worker.leases_of.end() && held->second > worker.threads)
    return false;
  return !worker.holding_back && may_be_ahead(ns_per_task) && worker.time_left_ns < held_ns_ &&
         worker.open < tuning::leases_ahead && worker.load_ns < 2 * target * worker.threads;
}

auto placement::least_loaded(const run_record& run) const -> choice {
  auto ns = run.estimate->ns_per_task();
  auto needed = needed_ns(run, piece_kind::fresh);
  choice best;
  // If times are unknown, the number of leases decides, so that an idle worker precedes one whose task waits.
  auto load = [](const worker_record& w) { return std::tuple{!w.has_free_thread(), w.load_ns, w.open}; };
  for (const auto& [id, worker] : workers_) {
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

/// Of the workers with a free thread, the one with the most time left.
const worker_record* placement::longest_lasting() const {
  const worker_record* best = nullptr;
  for (const auto& [id, worker] : workers_)
    if (has_room(worker, {}, 0) && (!best || best->time_left_ns < worker.time_left_ns))
      best = &worker;
  return best;
}

// -- audit --------------------------------------------------------------------------------------------------

void placement::check_invariants() const {
  auto require = [](bool holds, const char* what) {
    if (!holds)
      throw std::logic_error{what};
  };
  std::uint64_t longest_life_ns = 0;
  for (const auto& [id, worker] : workers_)
    longest_life_ns = std::max(longest_life_ns, worker.leaving ? 0 : worker.life_ns);
  require(longest_life_ns == longest_life_ns_, "the longest life is wrong");
  for (auto id : reserved_)
    require(workers_.contains(id) && workers_.at(id).stays(), "a worker is reserved that is gone");

  std::size_t fresh = 0;
  std::size_t interrupted = 0;
  std::size_t quarantined = 0;
  for (const auto& [id, run] : runs_) {
    bool deferred = is_deferred(*run);
    require(!(deferred && ready_.contains(id)), "a deferred run is ready");
    require((ready_.contains(id) || deferred) == run->offers(piece_kind::fresh), "a run with fresh tasks is not filed");
    require(quarantined_.contains(id) == run->offers(piece_kind::quarantined), "a quarantined run is not filed");
    auto filed = interrupted_ns_.find(id);
    require((filed != interrupted_ns_.end()) == run->offers(piece_kind::interrupted),
            "an interrupted run is not filed");
    require(filed == interrupted_ns_.end() || (filed->second == run->pending.first(piece_kind::interrupted).ran_ns &&
                                               interrupted_.contains({filed->second, id})),
            "an interrupted run is filed by a wrong time");
    fresh += run->offers(piece_kind::fresh);
    interrupted += run->offers(piece_kind::interrupted);
    quarantined += run->offers(piece_kind::quarantined);
  }
  auto filed = ready_.size();
  for (const auto& [function, runs] : deferred_) {
    require(!runs.empty(), "a function is deferred without a run");
    filed += runs.size();
  }
  require(filed == fresh && interrupted_.size() == interrupted && interrupted_ns_.size() == interrupted &&
              quarantined_.size() == quarantined,
          "a run is filed that is gone");
}

} // namespace daskify::internal
