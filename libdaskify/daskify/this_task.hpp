#pragma once

/// Functions for a running task: information about the task, and submission of further tasks.

#include "daskify/program/run_call.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// All functions may be called from the thread that the task was started on. The functions that return information may
/// also be called outside of a task, as for task 0 without a worker, so that a function can be tried without a cluster.
namespace daskify::this_task {

/// Index in the run, from 0; the last iterable varies fastest, loops slowest.
std::uint64_t index() noexcept;

/// Index of the loop, from 0.
std::uint64_t loop() noexcept;

/// A seed for random numbers: different for each task and each run, and the same on every machine, for every number of
/// workers, and each time the program submits the same runs in the same order.
std::uint64_t seed() noexcept;

/// True once the task was cancelled or the cluster is shutting down. Long tasks should check this and return.
bool stop_requested() noexcept;

/// Name of the worker, for example "worker-3"; empty outside of a worker.
std::string worker();

// -- tasks submitted by tasks -------------------------------------------------------------------------------------
// As with `daskified`. While a task waits for a future (get, wait, as_completed, gather_data), its worker runs other
// tasks, so that waiting tasks cannot deadlock; up to 256 tasks may wait at the same time in one worker. A wait with a
// timeout may therefore take longer, by the rest of a task that the worker has begun meanwhile. The futures are valid
// in their task only, and their tasks are cancelled when the last future is destroyed. When a task is cancelled or run
// again, the tasks it has submitted are cancelled; its `get` throws `cancelled`.
//
// All throw task_error(not_in_a_task) on a thread that runs no task.

/// Calls `f` for every combination, as daskified::run.
template <class F, class... Groups>
auto run(F&& f, Groups&&... groups) {
  return internal::start_run_of_groups(internal::session_of_current_task(), std::forward<F>(f),
                                       std::forward<Groups>(groups)...);
}

/// Calls `f` for each element.
template <class F, class Range>
auto map(F&& f, Range&& values) {
  return run(std::forward<F>(f), iterables(std::forward<Range>(values)));
}

/// Submits one task; arguments are values and futures.
template <class F, class... Ts>
[[nodiscard("a task whose future is dropped is cancelled; keep the future")]] auto submit(F&& f, Ts&&... values) {
  return internal::start_run_of_one(internal::session_of_current_task(), std::forward<F>(f),
                                    std::forward<Ts>(values)...);
}

/// The results in order, of futures<R> or a std::vector<future<R>>; see daskified::gather_data.
template <class Futures, class OnError = on_error::raise_t>
auto gather_data(const Futures& all, OnError when = {}) {
  return internal::gather(all, when);
}

} // namespace daskify::this_task
