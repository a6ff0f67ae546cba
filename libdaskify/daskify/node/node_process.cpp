#include "daskify/node/node_process.hpp"

#include "daskify/defaults.hpp"
#include "daskify/deploy/lifeline.hpp"
#include "daskify/deploy/local_fleet.hpp"
#include "daskify/program/code_address.hpp"
#include "daskify/store/store_actor.hpp"
#include "daskify/transport/actor_system.hpp"
#include "daskify/transport/connect.hpp"
#include "daskify/transport/remote_error.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <future>
#include <iostream>
#include <mutex>
#include <unistd.h>

namespace daskify::internal {

namespace {

constexpr auto join_timeout = std::chrono::seconds{20};
constexpr int refused_exit_code = 3;

node_actor::behavior_type node_behavior(node_actor::pointer self, scheduler_for_workers scheduler,
                                        std::function<void()> on_stop, std::function<void()> on_orphaned) {
  self->monitor(scheduler);
  self->set_down_handler([on_orphaned](caf::down_msg&) { on_orphaned(); });
  return {
      [self, scheduler](node_tick tick) {
        self->delayed_send(self, std::chrono::milliseconds{tick.heartbeat_interval_ms}, tick);
        self->send(scheduler, node_alive{});
      },
      [on_stop](stop_node) { on_stop(); },
  };
}

/// The workers of this node, as the store's actor sees them: it may hear of one that joins when they are being ended.
class fleet_for_store {
public:
  local_fleet& begin(local_fleet::setup with) {
    std::lock_guard guard{mutex_};
    fleet_ = std::make_unique<local_fleet>(std::move(with));
    return *fleet_;
  }
  void joined(std::uint32_t slot) {
    std::lock_guard guard{mutex_};
    if (fleet_)
      fleet_->enrolled(slot);
  }
  void end() {
    std::unique_ptr<local_fleet> ending;
    std::lock_guard guard{mutex_}; // goes before the fleet does
    ending.swap(fleet_);
  }

private:
  std::mutex mutex_;
  std::unique_ptr<local_fleet> fleet_;
};

int serve(const node_launch& as) {
  auto folder = session_folder::open(as.session_folder);
  auto where = folder.read_connection();
  // Never destroyed: its thread looks at it until the process is gone.
  static lifeline& line = *new lifeline{folder, where.owner, launched_by::client};

  system_config config;
  caf::actor_system system{config};
  auto scheduler = connect_to<scheduler_for_workers>(system, where.addresses, "scheduler");

  auto workers = std::make_shared<fleet_for_store>();
  store_setup with;
  with.secret = where.secret;
  with.limit = as.store_limit;
  with.spill_directory = as.spill_directory;
  with.source_patience = as.heartbeat_timeout + tuning::source_grace;
  with.on_joined = [workers](std::uint32_t slot) { workers->joined(slot); };
  auto node = std::make_shared<node_store>(std::move(with));
  auto store = system.spawn(store_behavior, node);
  auto stopped = std::make_shared<std::promise<void>>();
  auto actor = system.spawn(
      node_behavior, scheduler,
      [stopped, told = false]() mutable {
        if (!std::exchange(told, true)) // it may come more than once
          stopped->set_value();
      },
      [] { line.lost_scheduler(); });

  // The actor system waits for its actors, on each way out of here.
  struct ending {
    std::function<void()> end;
    ~ending() { end(); }
  } at_the_end{[&] {
    workers->end();
    node->stop();
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(store, caf::exit_reason::user_shutdown);
  }};

  auto users_at = publish(system, caf::actor_cast<store_for_users>(store), "store of this node");
  local_fleet::setup fleet;
  fleet.program = "/proc/self/exe";
  fleet.name = as.program_name;
  fleet.environment = [&](std::uint32_t slot, const std::string& log_file) {
    return to_environment(worker_launch{as.session_folder, slot, as.threads, log_file, as.name, users_at});
  };
  fleet.log_folder = as.log_folder;
  fleet.first_slot = as.first_worker;
  fleet.size = as.workers;
  fleet.on_exit = [&](std::uint32_t slot, std::int32_t pid, const std::string& how, log_end log) {
    caf::send_as(actor, scheduler, worker_exited{slot, pid, how, std::move(log.bytes), log.size});
  };
  fleet.on_exhausted = [&](const std::string& reason) {
    std::cerr << as.name << ": no worker is left: " << reason << std::endl;
    line.end_now();
  };
  auto& running = workers->begin(std::move(fleet));

  node_answer answer;
  {
    caf::scoped_actor self{system};
    auto transfers = node->transfers_at();
    self->request(
            scheduler, join_timeout,
            join_node{where.secret, program_build_id(), as.name, as.slot, ::getpid(), transfers.host, transfers.port},
            caf::actor_cast<store_for_directory>(store), actor)
        .receive(
            [&](node_answer& a, directory_for_stores& directory) {
              answer = a;
              caf::send_as(actor, store, std::move(directory));
            },
            [](caf::error& e) { std::rethrow_exception(to_exception(e, "scheduler")); });
  }
  if (answer.refusal != error_code::none) {
    std::cerr << as.name << " was turned away: " << answer.reason << std::endl;
  } else {
    running.start();
    running.wait_enrolled(as.start_timeout);
    caf::send_as(actor, scheduler, node_ready{});
    caf::anon_send(actor, node_tick{answer.heartbeat_interval_ms});
    stopped->get_future().wait();
  }
  running.end_all(tuning::stop_grace);
  return answer.refusal == error_code::none ? 0 : refused_exit_code;
}

} // namespace

void become_node(const node_launch& as) {
  int code = 1;
  try {
    code = serve(as);
  } catch (const std::exception& e) {
    std::cerr << as.name << ": " << e.what() << std::endl;
  }
  std::exit(code);
}

} // namespace daskify::internal
