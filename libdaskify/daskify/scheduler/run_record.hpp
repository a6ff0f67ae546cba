#pragma once

/// What the scheduler core knows of one run.

#include "daskify/protocol/messages.hpp"
#include "daskify/scheduler/lease_size.hpp"
#include "daskify/scheduler/pending_tasks.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
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

inline constexpr std::size_t task_states = 6;

constexpr bool is_final(task_state s) noexcept {
  return s != task_state::pending && s != task_state::leased;
}

struct run_record {
  run_spec spec;
  std::string function;              ///< key of the estimate
  task_estimate* estimate = nullptr; ///< of all runs of this function
  std::vector<task_state> states;
  std::array<std::uint64_t, task_states> tally{}; ///< number of tasks by state
  pending_tasks pending;                          ///< exactly the pending tasks
  std::map<std::uint64_t, result_block> blocks;   ///< exactly the ended tasks, by first task
  std::vector<worker_id> described_to;            ///< workers that have the description
  std::uint64_t open_leases = 0;
  std::optional<failure> given_up; ///< why; tasks that workers return are lost, too
  std::set<run_id> children;       ///< runs that tasks of this run submitted
  std::vector<run_id> needs;       ///< runs whose results the tasks use, each once, until this run is over
  std::uint64_t needed_by = 0;     ///< number of runs that have this run in `needs`
  waiter_id input_wait;            ///< the core's own wait for `needs`
  bool released = false;           ///< forgotten as soon as nothing needs it
  worker_id client;                ///< owner of this run or of its first ancestor; none: the client in this process
  bool is_of_a_task = false;       ///< a task submitted this run, and may wait for it
  bool inputs_ended = false;

  /// The worker whose task submitted this run, or a client in another process; none: the client in this one.
  worker_id owner() const { return submitter_of(spec.run); }
  std::uint64_t tasks_in(task_state s) const { return tally[static_cast<std::size_t>(s)]; }
  std::uint64_t unfinished() const { return tasks_in(task_state::pending) + tasks_in(task_state::leased); }
  /// A run that is needed is kept, although it is released.
  bool is_needed() const { return needed_by != 0 || spec.unattended; }
  /// Whether workers may take a task of this kind now.
  bool offers(piece_kind kind) const { return inputs_ended && pending.any(kind); }
  /// Clips a range to the tasks of this run. Returns false when none is left.
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
  /// Sets the state of the tasks [first, first + count).
  void settle(std::uint64_t first, std::uint64_t count, task_state state) {
    for (auto i = first; i < first + count; ++i) {
      --tally[static_cast<std::size_t>(states[i])];
      states[i] = state;
    }
    tally[static_cast<std::size_t>(state)] += count;
  }
};

} // namespace daskify::internal
