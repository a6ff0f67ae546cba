#pragma once

#include "daskify/client/scheduler_link.hpp"
#include "daskify/worker/executor.hpp"

#include <atomic>

namespace daskify::internal {

/// The cluster as the tasks of a worker see it: they submit runs of their own and wait for them.
class task_session final : public cluster_session {
public:
  /// `work` outlives every call from a task.
  explicit task_session(executor& work) : work_{work} {}

  /// Before the first task.
  void open(worker_id worker, client_actor speaker, scheduler_for_workers scheduler);
  /// Futures that a task has left somewhere may live longer; they say that the cluster was shut down.
  void close();

  run_id submit(run_spec spec) override;
  awaited_tasks await(const std::vector<run_range>& tasks, std::uint64_t how_many, bool want_results,
                      deadline until) override;
  progress count(const std::vector<run_range>& tasks) override;
  void cancel(const std::vector<run_range>& tasks) override;
  void release(run_id run) noexcept override;

private:
  executor& work_;
  worker_id worker_;
  crossing crossing_;
  scheduler_link link_{crossing_, scheduler_link::distance::remote};
  std::atomic<std::uint64_t> last_run_{0};
};

} // namespace daskify::internal
