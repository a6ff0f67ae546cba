#pragma once

/// The scheduler core with a call for each event, for tests.

#include "daskify/scheduler/scheduler_core.hpp"

#include <utility>
#include <vector>

namespace daskify::test {

namespace events = internal::scheduler_events;

class driven_scheduler : public internal::scheduler_core {
public:
  using scheduler_core::scheduler_core;

  void worker_joined(internal::worker_id worker, std::uint32_t threads,
                     std::chrono::nanoseconds time_left = internal::for_ever, bool paused = false) {
    apply(events::worker_joined{worker, threads, time_left, paused});
  }
  void pause(internal::worker_id worker) { apply(events::worker_paused{worker}); }
  void resume(internal::worker_id worker) { apply(events::worker_resumed{worker}); }
  void refuse(internal::worker_id worker, internal::worker_id client) { apply(events::worker_refuses{worker, client}); }
  void time_left(internal::worker_id worker, std::chrono::nanoseconds left) {
    apply(events::worker_time_left{worker, left});
  }
  void drain(internal::worker_id worker) { apply(events::worker_drains{worker}); }
  void worker_waits(internal::worker_id worker, std::uint32_t tasks) {
    apply(events::worker_has_waiting{worker, tasks});
  }
  void worker_left(internal::worker_id worker, const internal::failure& cause) {
    apply(events::worker_left{worker, cause});
  }
  void workers_exhausted(const internal::failure& cause) { apply(events::workers_exhausted{cause}); }
  void client_joined(internal::worker_id client) { apply(events::client_joined{client}); }
  void client_left(internal::worker_id client) { apply(events::client_left{client}); }
  void submit(internal::run_spec spec) { apply(events::run_submitted{std::move(spec)}); }
  void report(internal::worker_id worker, internal::lease_report report) {
    apply(events::lease_reported{worker, std::move(report)});
  }
  void cancel(const internal::run_range& tasks) { apply(events::tasks_cancelled{tasks}); }
  void release(internal::run_id run) { apply(events::run_released{run}); }
  void wait(internal::waiter_id waiter, std::vector<internal::run_range> tasks, std::uint64_t how_many) {
    apply(events::wait_begun{waiter, std::move(tasks), how_many});
  }
  void stop_waiting(internal::waiter_id waiter) { apply(events::wait_stopped{waiter}); }
};

} // namespace daskify::test
