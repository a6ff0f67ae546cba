/// The audit of the scheduler core's books, for tests.

#include "daskify/protocol/result_block.hpp"
#include "daskify/scheduler/scheduler_core.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace daskify::internal {

namespace {

void require(bool holds, const char* what) {
  if (!holds)
    throw std::logic_error{what};
}

void check_load(const worker_record& worker) {
  std::uint64_t quarantined = 0;
  std::uint64_t load_ns = 0;
  for (const auto& l : worker.leases) {
    quarantined += l.quarantined();
    load_ns += l.left() * l.ns_per_task;
  }
  require(worker.leases.size() == worker.open && quarantined == worker.quarantined && load_ns == worker.load_ns,
          "a worker's load is wrong");
  require(worker.time_left_ns <= worker.life_ns, "a worker has more time left than it ever had");
}

void check_tally(const run_record& run) {
  std::array<std::uint64_t, task_states> tally{};
  for (auto s : run.states)
    ++tally[static_cast<std::size_t>(s)];
  require(tally == run.tally, "a run's tally is not what its states say");
}

/// Each task is pending, in one lease, or in one block of results. `in_leases`: of this run.
void check_owners(const run_record& run, const std::vector<run_range>& in_leases) {
  std::vector<int> owners(run.states.size());
  auto own = [&](std::uint64_t first, std::uint64_t count, auto&& fits) {
    for (auto i = first; i < first + count; ++i) {
      require(i < owners.size() && fits(run.states[i]), "a task is in a place that its state denies");
      ++owners[i];
    }
  };
  for (const auto& p : run.pending.all())
    own(p.first, p.count, [](task_state s) { return s == task_state::pending; });
  for (const auto& [first, block] : run.blocks) {
    require(first == block.first && well_formed(block), "a block of results is filed wrongly");
    own(block.first, block.count, is_final);
  }
  for (const auto& r : in_leases)
    for (auto i = r.first; i < r.first + r.count; ++i)
      if (run.states[i] == task_state::leased)
        ++owners[i];
  require(std::ranges::all_of(owners, [](int n) { return n == 1; }), "a task is in no place or in two");
}

} // namespace

void scheduler_core::check_invariants() const {
  std::uint64_t threads = 0;
  std::unordered_map<run_id, std::vector<run_range>> in_leases;
  for (const auto& [id, worker] : workers_) {
    check_load(worker);
    threads += worker.leaving ? 0 : worker.threads;
    for (const auto& l : worker.leases)
      in_leases[l.granted.run].push_back({l.granted.run, l.next(), l.left()});
  }
  require(threads == threads_, "threads are miscounted");

  std::uint64_t pending = 0;
  std::unordered_map<run_id, std::uint64_t> needs;
  for (const auto& [id, run] : runs_) {
    check_tally(*run);
    require(run->open_leases == in_leases[id].size(), "open leases are miscounted");
    check_owners(*run, in_leases[id]);
    if (run->inputs_ended)
      pending += run->tasks_in(task_state::pending);
    for (auto needed : run->needs) {
      require(runs_.contains(needed), "a run is gone that another needs");
      ++needs[needed];
    }
  }
  require(pending == pending_tasks_, "pending tasks are miscounted");
  for (const auto& [id, run] : runs_) {
    require(run->needed_by == needs[id], "the users of a run are miscounted");
    require(!run->released || run->is_needed(), "a released run is kept that nothing needs");
  }
  placement_.check_invariants();
  waits_.check_invariants();
}

} // namespace daskify::internal
