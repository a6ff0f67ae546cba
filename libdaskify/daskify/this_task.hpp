#pragma once

/// What a running task may ask about itself.

#include <atomic>
#include <cstdint>
#include <string>

namespace daskify::internal {

/// Filled in by the executor; one per thread that runs tasks.
struct task_context {
  std::uint64_t index = 0;
  std::uint64_t tasks_per_loop = 1;
  std::uint64_t seed = 0;
  const std::atomic<bool>* stop = nullptr;
  std::string worker;
};

} // namespace daskify::internal

/// All functions may be called from the thread that the task was started on. Outside of a task they answer for
/// task 0 of no worker, so that a function can be tried without a cluster.
namespace daskify::this_task {

/// Position in the run, from 0; the last iterable goes fastest, loops slowest.
std::uint64_t index() noexcept;

/// Which of the loops, from 0.
std::uint64_t loop() noexcept;

/// A seed for random numbers: different for each task and each run, and the same on every machine, for every number of
/// workers, and each time the program makes the same runs in the same order.
std::uint64_t seed() noexcept;

/// True once the task was cancelled or the cluster is shutting down. Long tasks should look and return.
bool stop_requested() noexcept;

/// Name of the worker, for example "worker-3"; empty outside of a worker.
std::string worker();

} // namespace daskify::this_task
