#include "daskify/worker/worker_actor.hpp"

#include "daskify/defaults.hpp"

#include <fstream>
#include <unistd.h>

namespace daskify::internal {

namespace {

/// Resident memory of this process: second field of /proc/self/statm, in pages.
std::uint64_t resident_bytes() {
  std::ifstream file{"/proc/self/statm"};
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

} // namespace

worker_actor::behavior_type worker_behavior(worker_state::pointer self, worker_setup setup) {
  return self->state.make_behavior(std::move(setup));
}

worker_actor::behavior_type worker_state::make_behavior(worker_setup setup) {
  setup_ = std::move(setup);
  self_->monitor(setup_.scheduler);
  self_->set_down_handler([this](caf::down_msg&) { setup_.on_orphaned(); });
  return {
      [this](objects_freed& msg) { setup_.on_freed(msg.objects); },
      [this](work_order& order) { setup_.work->accept(std::move(order)); },
      [this](executor_has_news) {
        if (auto waiting = setup_.work->waiting_tasks(); waiting != waiting_) {
          waiting_ = waiting;
          self_->send(setup_.scheduler, worker_waits{waiting});
        }
        setup_.work->send_reports();
      },
      [this](worker_tick tick) {
        self_->delayed_send(self_, tuning::give_back_after / 2, tick);
        setup_.work->give_back_waiting();
        send_heartbeat(std::chrono::milliseconds{tick.heartbeat_interval_ms},
                       std::chrono::milliseconds{tick.heartbeat_timeout_ms});
      },
      [this](stop_worker) { setup_.on_stop(setup_.work->stop()); },
  };
}

void worker_state::send_heartbeat(std::chrono::milliseconds interval, std::chrono::milliseconds timeout) {
  auto now = std::chrono::steady_clock::now();
  if (now - last_heartbeat_ < interval)
    return;
  last_heartbeat_ = now;
  heartbeat beat{resident_bytes(), static_cast<std::uint32_t>(setup_.work->busy_threads())};
  // Longer than the scheduler's own timeout, so that a client that is stopped in a debugger keeps its workers for a
  // while.
  self_->request(setup_.scheduler, tuning::scheduler_patience * timeout, beat)
      .then([] {}, [this](caf::error&) { setup_.on_orphaned(); });
}

} // namespace daskify::internal
