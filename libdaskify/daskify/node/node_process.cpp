#include "daskify/node/node_process.hpp"

#include "daskify/defaults.hpp"
#include "daskify/deploy/batch_job.hpp"
#include "daskify/deploy/lifeline.hpp"
#include "daskify/deploy/local_fleet.hpp"
#include "daskify/program/code_address.hpp"
#include "daskify/store/memory_room.hpp"
#include "daskify/store/store_actor.hpp"
#include "daskify/transport/actor_system.hpp"
#include "daskify/transport/connect.hpp"
#include "daskify/transport/remote_error.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <future>
#include <iostream>
#include <mutex>
#include <thread>
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
      [self, scheduler, on_orphaned](node_tick tick) {
        self->delayed_send(self, std::chrono::milliseconds{tick.heartbeat_interval_ms}, tick);
        // A machine that fails closes no connection.
        auto patience = tuning::scheduler_patience * std::chrono::milliseconds{tick.heartbeat_timeout_ms};
        self->request(scheduler, patience, node_alive{}).then([] {}, [on_orphaned](caf::error&) { on_orphaned(); });
      },
      [self, scheduler](node_leaving leaving) { self->send(scheduler, leaving); },
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

/// SIGTERM, by which a batch system says that it is about to kill, becomes a call. REQUIRES: no other thread runs yet.
class termination {
public:
  termination() {
    ::sigemptyset(&term_);
    ::sigaddset(&term_, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &term_, nullptr);
  }

  void listen(std::function<void()> on_term) {
    std::thread{[term = term_, on_term = std::move(on_term)] {
      int signal = 0;
      while (::sigwait(&term, &signal) == 0)
        on_term();
    }}.detach(); // ends with the process
  }

private:
  sigset_t term_{};
};

std::uint64_t store_limit(const node_launch& as, const batch_job& job) {
  if (as.store_limit != 0)
    return as.store_limit;
  auto free = free_memory().bytes;
  if (job.memory != 0)
    free = std::min(free, job.memory);
  return std::max(limits::smallest_store, static_cast<std::uint64_t>(tuning::store_share * static_cast<double>(free)));
}

int serve(const node_launch& as, const batch_job& job, const std::string& name, termination* ending_signal) {
  auto folder = session_folder::open(as.session_folder);
  auto where = folder.read_connection();
  // Never destroyed: its thread looks at it until the process is gone.
  static lifeline& line =
      *new lifeline{folder, where.owner, as.in_job ? launched_by::batch_system : launched_by::client};

  system_config config;
  caf::actor_system system{config};
  auto found = connect_to<scheduler_for_workers>(system, where.addresses, "scheduler");
  const auto& scheduler = found.actor;

  auto workers = std::make_shared<fleet_for_store>();
  store_setup with;
  with.secret = where.secret;
  with.limit = store_limit(as, job);
  with.spill_directory = as.spill_directory;
  with.host = as.in_job ? std::string{} : loopback;
  with.scheduler_host = found.by.peer.host;
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
  join_node who;
  who.secret = where.secret;
  who.build_id = program_build_id();
  who.name = name;
  who.job = job.member;
  who.slot = as.in_job ? any_slot : as.slot;
  who.workers = static_cast<std::uint32_t>(as.workers);
  who.pid = ::getpid();
  auto transfers = node->transfers_at();
  who.transfer_host = transfers.host.empty() ? found.by.own_address : transfers.host;
  who.transfer_port = transfers.port;
  node_answer answer;
  {
    caf::scoped_actor self{system};
    self->request(scheduler, join_timeout, std::move(who), caf::actor_cast<store_for_directory>(store), actor)
        .receive(
            [&](node_answer& a, directory_for_stores& directory) {
              answer = a;
              caf::send_as(actor, store, std::move(directory));
            },
            [](caf::error& e) { std::rethrow_exception(to_exception(e, "scheduler")); });
  }
  if (answer.refusal != error_code::none) {
    std::cerr << name << " was turned away because " << answer.reason << "." << std::endl;
    return refused_exit_code;
  }

  local_fleet::setup fleet;
  fleet.program = "/proc/self/exe";
  fleet.name = as.program_name;
  fleet.environment = [&](std::uint32_t slot, const std::string& log_file) {
    return to_environment(worker_launch{as.session_folder, slot, as.threads, log_file, name, users_at});
  };
  fleet.log_folder = as.log_folder;
  fleet.first_slot = as.in_job ? answer.first_worker : as.first_worker;
  fleet.size = as.workers;
  fleet.on_exit = [&](std::uint32_t slot, std::int32_t pid, const std::string& how, log_end log) {
    caf::send_as(actor, scheduler, worker_exited{slot, pid, how, std::move(log.bytes), log.size});
  };
  fleet.on_exhausted = [&](const std::string& reason) {
    std::cerr << name << ": no worker is left: " << reason << std::endl;
    line.end_now();
  };
  auto& running = workers->begin(std::move(fleet));
  running.start();
  running.wait_enrolled(as.start_timeout);
  caf::send_as(actor, scheduler, node_ready{});
  caf::anon_send(actor, node_tick{answer.heartbeat_interval_ms, answer.heartbeat_timeout_ms});
  if (ending_signal)
    ending_signal->listen([actor] { caf::anon_send(actor, node_leaving{}); });
  stopped->get_future().wait();
  running.end_all(tuning::stop_grace);
  return 0;
}

} // namespace

void become_node(const node_launch& as) {
  std::optional<termination> signal;
  batch_job job;
  auto name = as.name;
  if (as.in_job) {
    signal.emplace();
    job = read_batch_job(as.in_step, [](const char* variable) { return std::getenv(variable); });
    name = (job.node.empty() ? host_name() : job.node) + "/" + job.member;
  }
  int code = 1;
  try {
    code = serve(as, job, name, signal ? &*signal : nullptr);
  } catch (const std::exception& e) {
    std::cerr << name << ": " << e.what() << std::endl;
  }
  std::exit(code);
}

} // namespace daskify::internal
