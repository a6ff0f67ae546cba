#pragma once

#include "daskify/bridge/scheduler_link.hpp"
#include "daskify/bridge/store_link.hpp"
#include "daskify/code/type_label.hpp"
#include "daskify/worker/executor.hpp"

#include <atomic>

namespace daskify::internal {

/// The cluster as seen by the tasks of a worker: they submit runs and wait for them.
class task_session final : public cluster_session {
public:
  /// `work` must outlive every call from a task.
  task_session(executor& work, std::shared_ptr<actor_bridge> through, std::shared_ptr<store_link> store)
      : work_{work},
        bridge_{std::move(through)},
        data_{std::move(store)} {}

  /// Must be called before the first task.
  void open(worker_id worker, scheduler_for_workers scheduler);
  /// REQUIRES: no task can call this session any more.
  void close();

  run_id submit(run_spec spec) override;
  awaited_tasks await(const std::vector<run_range>& tasks, std::uint64_t how_many, bool want_results,
                      deadline until) override;
  progress count(const std::vector<run_range>& tasks) override;
  void cancel(const std::vector<run_range>& tasks) override;
  void release(run_id run) noexcept override;
  std::shared_ptr<object_handle> put_value(const type_label& type, part bytes) override;
  shared_bytes map(object_id object) override;

private:
  executor& work_;
  worker_id worker_;
  std::shared_ptr<actor_bridge> bridge_;
  std::shared_ptr<store_link> data_;
  scheduler_link link_{*bridge_, scheduler_link::distance::remote};
  std::atomic<std::uint64_t> last_run_{0};
};

} // namespace daskify::internal
