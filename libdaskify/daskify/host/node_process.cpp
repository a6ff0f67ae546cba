#include "daskify/host/node_process.hpp"

#include "daskify/code/code_address.hpp"
#include "daskify/config/loader.hpp"
#include "daskify/defaults.hpp"
#include "daskify/deploy/local/local_fleet.hpp"
#include "daskify/deploy/slurm/slurm_commands.hpp"
#include "daskify/launch/launch_variables.hpp"
#include "daskify/launch/lifeline.hpp"
#include "daskify/launch/log_folder.hpp"
#include "daskify/launch/slurm_variables.hpp"
#include "daskify/launch/worker_cpus.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/os/free_memory.hpp"
#include "daskify/os/log_tail.hpp"
#include "daskify/os/notice.hpp"
#include "daskify/os/scope_exit.hpp"
#include "daskify/os/termination.hpp"
#include "daskify/store/store_actor.hpp"
#include "daskify/transport/actor_system.hpp"
#include "daskify/transport/ask_peer.hpp"
#include "daskify/transport/connect.hpp"
#include "daskify/transport/find_cluster.hpp"
#include "daskify/transport/secret.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <unistd.h>

namespace daskify::internal {

namespace {

constexpr auto join_timeout = std::chrono::seconds{20};

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

/// The workers of this node as the store's actor sees them: a worker may join while the workers are being ended.
class fleet_for_store {
public:
  local_fleet& begin(local_fleet::setup with) {
    std::lock_guard guard{mutex_};
    fleet_ = std::make_unique<local_fleet>(std::move(with));
    if (is_to_end_)
      fleet_->stop_replacing();
    return *fleet_;
  }
  /// Stops waiting for workers that have not enrolled, or are still to be started.
  void stop_waiting() {
    std::lock_guard guard{mutex_};
    is_to_end_ = true;
    if (fleet_)
      fleet_->stop_replacing();
  }
  void joined(std::uint32_t slot) {
    std::lock_guard guard{mutex_};
    if (fleet_)
      fleet_->enrolled(slot);
  }
  void end() {
    std::unique_ptr<local_fleet> ending;
    std::lock_guard guard{mutex_}; // released before the fleet is destroyed
    ending.swap(fleet_);
  }

private:
  std::mutex mutex_;
  bool is_to_end_ = false;
  std::unique_ptr<local_fleet> fleet_;
};

std::uint64_t store_limit(const node_launch& as, const batch_job& job) {
  if (as.store_limit != 0)
    return as.store_limit;
  auto free = free_memory().bytes;
  if (job.memory != 0)
    free = std::min(free, job.memory);
  return share_for_stores(free);
}

/// The exit code of a node's process; the first one counts.
class exit_of_node {
public:
  void with(int code) {
    if (!told_.exchange(true))
      code_.set_value(code);
  }
  int wait() { return code_.get_future().get(); }

private:
  std::atomic<bool> told_{false};
  std::promise<int> code_;
};

/// Whether the node's launcher has chosen its slot, and those of its workers.
bool has_slot(const node_launch& as) {
  return !as.in_job && !as.by_hand;
}

store_setup store_setup_of(const node_launch& as, const batch_job& job, const connection& where, const reached& by) {
  store_setup with;
  with.secret = where.secret;
  with.limit = store_limit(as, job);
  with.spill_directory = as.spill_directory;
  with.host = as.in_job ? std::string{} : as.by_hand ? by.own_address : loopback;
  with.scheduler_process = by.peer.host;
  with.source_patience = as.heartbeat_timeout + tuning::source_grace;
  return with;
}

join_node request_of(const node_launch& as, const batch_job& job, const connection& where, const std::string& name) {
  join_node who;
  who.secret = where.secret;
  who.build_id = program_build_id();
  who.name = name;
  who.job = job.member;
  who.slot = has_slot(as) ? as.slot : any_slot;
  who.workers = static_cast<std::uint32_t>(as.workers);
  who.pid = ::getpid();
  // For nodes that a cluster has submitted itself, the cluster asks its batch system, once for all of them.
  if (as.by_hand)
    if (auto left = time_left_of_own_job(name)) // the scheduler counts down from now
      who.time_left_ms = static_cast<std::uint64_t>(std::chrono::milliseconds{*left}.count());
  return who;
}

local_fleet::setup workers_of(const node_launch& as, const node_answer& answer, const std::string& name,
                              const endpoint& store) {
  local_fleet::setup fleet;
  fleet.program = as.worker_program.empty() ? "/proc/self/exe" : as.worker_program;
  fleet.name = as.program_name;
  fleet.size = as.workers;
  fleet.log_folder = as.log_folder;
  fleet.first_slot = has_slot(as) ? as.first_worker : answer.first_worker;
  auto shares = share_cpus(as.workers_here != 0 ? as.workers_here : as.workers, as.pin);
  fleet.environment = [as, name, store, cpus = shares.each()](std::uint32_t slot, const std::string& log_file) {
    return worker_environment(
        worker_launch{as.session_folder, slot, as.threads, log_file, name, store, as.libraries, cpus});
  };
  // In a cluster on one machine, slots are counted per machine, as the shares are.
  fleet.cpus = [shares, before = has_slot(as) ? 0 : fleet.first_slot](std::uint32_t slot) {
    return shares.bound(slot - before);
  };
  return fleet;
}

/// Serves until the session ends; returns the exit code of the process.
int serve(const node_launch& as, const batch_job& job, const std::string& name, const termination* ending_signal,
          const connect_patience& patience) {
  auto folder = session_folder::open(as.session_folder);
  auto where = folder.read_connection();
  auto end = std::make_shared<exit_of_node>();
  auto workers = std::make_shared<fleet_for_store>();
  // Never destroyed, because its thread uses it until the process ends. Null if this process has no launcher, and owns
  // the folder itself.
  static lifeline* line = nullptr;
  if (!as.by_hand)
    line = new lifeline{folder, where.owner,
                        as.in_job && as.unit.empty() ? launched_by::batch_system : launched_by::client};
  auto end_now = [end, workers, name](const std::string& why) {
    if (!line)
      end->with(1);
    workers->stop_waiting();
    notice(name + ": " + why);
    if (line)
      line->end_now();
  };

  system_config config;
  caf::actor_system system{config};
  auto found = connect_to<scheduler_for_workers>(system, where.addresses, "scheduler", patience);
  const auto& scheduler = found.actor;

  auto with = store_setup_of(as, job, where, found.by);
  with.on_joined = [workers](std::uint32_t slot) { workers->joined(slot); };
  auto node = std::make_shared<node_store>(std::move(with));
  auto store = spawn_store(system, node);
  auto actor = system.spawn(
      node_behavior, scheduler, [end] { end->with(0); },
      [end_now] {
        if (line)
          line->lost_scheduler();
        else
          end_now("the scheduler has ended, or considers this node lost; join again when a scheduler runs.");
      });

  // The actor system waits for its actors, on every exit path.
  scope_exit at_the_end{[&] {
    workers->end();
    node->stop();
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(store, caf::exit_reason::user_shutdown);
  }};

  auto leaving = std::make_shared<std::atomic<bool>>(false);
  if (ending_signal)
    ending_signal->listen([actor, end, workers, leaving, is_second = false, by_hand = as.by_hand]() mutable {
      *leaving = true;
      caf::anon_send(actor, node_leaving{});
      if (std::exchange(is_second, true) && by_hand)
        end->with(1); // the user is in a hurry
      workers->stop_waiting();
    });

  auto users_at = publish(system, caf::actor_cast<store_for_users>(store), "store of this node");
  auto who = request_of(as, job, where, name);
  auto transfers = node->transfers_at();
  who.transfer_host = transfers.host.empty() ? found.by.own_address : transfers.host;
  who.transfer_port = transfers.port;
  auto [answer, directory] = ask_peer<node_answer, directory_for_stores>(
      system, scheduler, {join_timeout, [leaving] { return !*leaving; }}, "scheduler", std::move(who),
      caf::actor_cast<store_for_directory>(store), actor);
  caf::send_as(actor, store, std::move(directory));
  if (answer.refusal != error_code::none) {
    notice(name + " was turned away because " + answer.reason + ".");
    return refused_exit_code;
  }

  auto fleet = workers_of(as, answer, name, users_at);
  fleet.on_exit = [actor, scheduler](std::uint32_t slot, std::int32_t pid, const std::string& how, log_end log) {
    caf::send_as(actor, scheduler, worker_exited{slot, pid, how, std::move(log.bytes), log.size});
  };
  fleet.on_exhausted = [end_now](const std::string& reason) { end_now("no worker is left: " + reason); };
  caf::anon_send(actor, node_tick{answer.heartbeat_interval_ms, answer.heartbeat_timeout_ms});
  auto& running = workers->begin(std::move(fleet));
  running.start();
  try {
    running.wait_enrolled(as.start_timeout);
    caf::send_as(actor, scheduler, node_ready{});
    if (as.by_hand)
      print_line(name + " has joined " + to_text(found.by.peer) + " with " + std::to_string(as.workers) +
                 (as.workers == 1 ? " worker." : " workers."));
  } catch (const cluster_error& e) {
    if (e.code() != error_code::shut_down)
      throw;
    caf::anon_send(actor, node_leaving{}); // once more: the scheduler may not have known this node before
  }
  auto code = end->wait();
  running.end_all(code == 0 ? tuning::stop_grace : std::chrono::milliseconds{0}); // otherwise no report is possible
  return code;
}

/// A request to end while the scheduler is being reached is no failure.
int serve_while_wanted(const node_launch& as, const batch_job& job, const std::string& name,
                       const termination* ending_signal, const connect_patience& patience) {
  try {
    return serve(as, job, name, ending_signal, patience);
  } catch (const cluster_error& e) {
    if (e.code() != error_code::shut_down)
      throw;
    return 0;
  }
}

} // namespace

void become_node(const node_launch& as) {
  std::optional<termination> signal;
  batch_job job;
  auto name = as.name;
  if (as.in_job) {
    signal.emplace({SIGTERM});
    if (as.unit.empty())
      job = read_batch_job(as.in_step, own_variable);
    else
      job.member = as.unit;
    name = (job.node.empty() ? host_name() : job.node) + "/" + job.member;
  }
  int code = 1;
  try {
    connect_patience patience{as.start_timeout, [&] { return !signal || !signal->wait_for({}); }};
    code = serve_while_wanted(as, job, name, signal ? &*signal : nullptr, patience);
  } catch (const std::exception& e) {
    notice(name + ": " + e.what());
  }
  std::exit(code);
}

int join_cluster(const settings& with, const std::string& program_name) {
  termination signals{SIGTERM, SIGINT, SIGHUP};
  keep_standard_descriptors();
  bool is_wanted = true;
  auto wait = [&](std::chrono::milliseconds moment) { return is_wanted = !signals.wait_for(moment); };
  connect_patience patience{wait_for_cluster(with, wait), [&] { return !signals.wait_for({}); }};
  if (!is_wanted)
    return 0;
  auto cluster = find_cluster(with);
  ::unsetenv(secret_variable); // hidden from programs that tasks start
  // The workers find the scheduler, and detect the end of this process, by a session folder of this node's own.
  session_folder::sweep_stale(with.session_directory.value_or(""));
  auto folder = session_folder::create(with.session_directory.value_or(""));
  log_folder logs{folder.path(), {}};
  scope_exit at_the_end{[&] {
    folder.remove();
    logs.remove_if_empty();
  }};
  folder.publish({random_hex(8), cluster.addresses, cluster.secret, this_process(), program_build_id()});

  auto as = node_with(with);
  as.by_hand = true;
  as.session_folder = folder.path();
  as.program_name = with.worker_program.value_or(program_name);
  as.worker_program = with.worker_program.value_or("");
  if (with.log_directory)
    logs = make_log_folder(*with.log_directory);
  as.log_folder = logs.path;
  as.workers = with.size.value_or(usable_cpus());
  auto code = serve_while_wanted(as, {}, host_name() + "/" + std::to_string(::getpid()), &signals, patience);
  if (code != 0 && cluster.folder)
    cluster.folder->remove_if_abandoned();
  return code;
}

} // namespace daskify::internal
