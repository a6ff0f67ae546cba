#include "daskify/worker/task_session.hpp"

#include "daskify/code/type_label.hpp"

namespace daskify::internal {

void task_session::open(worker_id worker, scheduler_for_workers scheduler) {
  worker_ = worker;
  link_.use(std::move(scheduler));
}

void task_session::close() {
  link_.use({});
}

run_id task_session::submit(run_spec spec) {
  spec.run = nth_run_of(worker_, ++last_run_);
  // Only tasks have access to this session, through their context.
  auto& task = *current_task();
  spec.parent = task.run;
  spec.parent_task = task.index;
  // Derived from the task's seed, so that it does not depend on the worker that runs the task.
  spec.seed = derived_seed(task, ++task.submitted);
  auto id = spec.run;
  data_->retain_for_run(spec.objects);
  link_.submit(std::move(spec));
  return id;
}

awaited_tasks task_session::await(const std::vector<run_range>& tasks, std::uint64_t how_many, bool want_results,
                                  deadline until) {
  if (until && *until <= std::chrono::steady_clock::now())
    return link_.await(tasks, how_many, want_results, until); // does not block
  executor::waiting meanwhile{work_};
  return link_.await(tasks, how_many, want_results, until, [&](scheduler_link::break_off break_off) {
    meanwhile.wake_with([break_off = std::move(break_off)] {
      break_off(std::make_exception_ptr(cancelled{
          error_code::task_cancelled, "The task was cancelled while it waited for tasks it had submitted.", {}}));
    });
  });
}

progress task_session::count(const std::vector<run_range>& tasks) {
  return link_.count(tasks);
}

void task_session::cancel(const std::vector<run_range>& tasks) {
  link_.cancel(tasks);
}

void task_session::release(run_id run) noexcept {
  link_.release(run);
}

std::shared_ptr<object_handle> task_session::put_value(const type_label& type, part bytes) {
  return data_->put_once(type, bytes);
}

shared_bytes task_session::map(object_id object) {
  return data_->map(object).bytes;
}

} // namespace daskify::internal
