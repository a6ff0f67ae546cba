#pragma once

#include "daskify/scheduler/run_queue.hpp"
#include "daskify/scheduler/run_record.hpp"
#include "daskify/scheduler/worker_record.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

namespace daskify::internal {

/// Ordered, so that the same events give the same grants.
using worker_table = std::map<worker_id, worker_record>;
using run_table = std::unordered_map<run_id, std::unique_ptr<run_record>>;

/// Decides which worker gets tasks of which run next. Changes no worker and no run.
///
/// Runs take turns, and the tasks go to the worker with the least work. Runs that tasks have submitted go before all
/// others, the youngest first. Quarantined tasks get a worker that has nothing else. Interrupted tasks get a worker
/// with more time left than they ran. If the free workers have too little time left for the tasks of a function, the
/// runs of the function are deferred, and other runs go before them.
///
/// Not thread-safe. Each operation takes O(log(runs)), `next` also O(workers) for each run that it passes over.
class placement {
public:
  struct grant {
    worker_id worker;
    run_id run;
    piece_kind kind;
  };

  /// Both tables must outlive this object.
  placement(const worker_table& workers, const run_table& runs) : workers_{workers}, runs_{runs} {}

  /// Puts a run into the queues for the pending tasks that it offers. To be called whenever these have changed.
  void refile(const run_record& run);
  void worker_joined(const worker_record& worker) { longest_life_ns_ = std::max(longest_life_ns_, worker.life_ns); }
  /// The worker gets nothing new, or has left.
  void unreserve(worker_id worker) { reserved_.erase(worker); }
  /// To be called when the life of a worker has changed, or a worker leaves. O(workers).
  void measure_lives();
  std::uint64_t longest_life_ns() const noexcept { return longest_life_ns_; }

  /// The next grant; nothing when no worker can take any pending task now. The caller grants it, changes both tables,
  /// calls `granted`, and asks again.
  std::optional<grant> next();
  /// Makes the run wait for its next turn.
  void granted(const run_record& run, piece_kind kind);

  /// Throws std::logic_error when the queues contradict the tables. Slow: for tests.
  void check_invariants() const;

private:
  /// The worker chosen for a grant. `too_late` is set only if a worker had a free slot but not enough time left.
  struct choice {
    const worker_record* worker = nullptr;
    bool too_late = false;
    bool refused = false; ///< some worker has room and time, but would fail the tasks
  };

  std::optional<grant> next_quarantined();
  std::optional<grant> next_interrupted();
  std::optional<grant> next_deferred();
  std::optional<grant> next_ready();
  void defer(const run_record& run);
  void hold_for(const run_record& deferred);
  void reserve_workers();
  const worker_record* soonest_idle(const run_record& for_run) const;
  choice idle_worker(const run_record& run) const;
  choice least_loaded(const run_record& run) const;
  const worker_record* longest_lasting() const;
  bool may_have(const worker_record& worker, const run_record& run) const;
  bool has_room(const worker_record& worker, run_id run, std::uint64_t ns_per_task) const;
  std::uint64_t needed_ns(const run_record& run, piece_kind kind) const;
  const run_record& at(run_id run) const { return *runs_.at(run); }
  bool is_deferred(const run_record& run) const;

  const worker_table& workers_;
  const run_table& runs_;
  run_queue ready_;                                          ///< runs with fresh tasks, unless they are deferred
  std::map<std::string, run_queue> deferred_;                ///< the same, by function
  std::set<std::pair<std::uint64_t, run_id>> interrupted_;   ///< runs by how long their first interrupted task ran
  std::unordered_map<run_id, std::uint64_t> interrupted_ns_; ///< the same, by run
  run_queue quarantined_;                                    ///< runs with quarantined tasks
  std::set<worker_id> reserved_;       ///< get nothing new while quarantined tasks wait for workers of their own
  std::uint64_t longest_life_ns_ = 0;  ///< of the workers that are not being drained
  std::uint64_t held_ns_ = UINT64_MAX; ///< a worker with this much time left gets no leases ahead: a task waits for it
};

} // namespace daskify::internal
