#pragma once

#include "daskify/protocol/actors.hpp"
#include "daskify/worker/executor.hpp"

#include <chrono>
#include <functional>

namespace daskify::internal {

struct worker_setup {
  executor* work = nullptr;                                    ///< outlives the actor
  std::function<void(const std::vector<object_id>&)> on_freed; ///< called with freed objects; must not block
  scheduler_for_workers scheduler;
  std::function<void(bool idle)> on_stop; ///< called when the session ends; must not block
  std::function<void()> on_orphaned;      ///< called when the scheduler has ended or is silent; must not block
};

/// Connects the executor to the scheduler: passes work in and reports out, and sends heartbeats.
class worker_state {
public:
  using pointer = worker_actor::stateful_pointer<worker_state>;

  explicit worker_state(pointer self) : self_{self} {}

  worker_actor::behavior_type make_behavior(worker_setup setup);

private:
  void send_heartbeat(std::chrono::milliseconds interval, std::chrono::milliseconds timeout);

  pointer self_;
  worker_setup setup_;
  std::chrono::steady_clock::time_point last_heartbeat_;
  std::uint32_t waiting_ = 0; ///< number of waiting tasks that was last sent to the scheduler
};

worker_actor::behavior_type worker_behavior(worker_state::pointer self, worker_setup setup);

} // namespace daskify::internal
