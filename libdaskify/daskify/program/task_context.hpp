#pragma once

#include "daskify/protocol/ids.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace daskify::internal {

class cluster_session;

/// Determines which tasks are requested to stop. Thread-safe.
class stop_source {
public:
  virtual ~stop_source() = default;
  virtual bool is_stopped(std::size_t thread, std::uint64_t task) const = 0;
};

/// The context of a running task. Filled in by the executor; one per thread that runs tasks.
struct task_context {
  run_id run;
  std::uint64_t index = 0;
  std::uint64_t tasks_per_loop = 1;
  std::uint64_t seed = 0;
  std::uint64_t submitted = 0;                  ///< number of runs that this task has submitted
  std::size_t thread = 0;                       ///< thread number in the executor
  const std::atomic<bool>* some_stop = nullptr; ///< some task of the chunk is to stop; `stop` knows which
  const stop_source* stop = nullptr;
  std::string worker;
  std::shared_ptr<cluster_session> session; ///< for runs that the task submits
};

/// The context of the task that the calling thread runs, or nullptr.
task_context* current_task() noexcept;

/// True if the calling thread's task is requested to stop.
bool current_task_is_stopped() noexcept;

/// A seed for the `n`-th random stream of the calling thread's task; see this_task::seed.
std::uint64_t derived_seed(const task_context& context, std::uint64_t n) noexcept;

/// The session in which the calling thread's task submits runs. Throws task_error(not_in_a_task).
std::shared_ptr<cluster_session> session_of_current_task();

/// Makes the context visible to `current_task` on this thread.
class task_context_scope {
public:
  explicit task_context_scope(task_context& context) noexcept;
  ~task_context_scope();
  task_context_scope(const task_context_scope&) = delete;
  task_context_scope& operator=(const task_context_scope&) = delete;
};

} // namespace daskify::internal
