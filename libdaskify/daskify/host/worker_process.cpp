#include "daskify/host/worker_process.hpp"

#include "daskify/bridge/store_link.hpp"
#include "daskify/code/code_address.hpp"
#include "daskify/code/type_label.hpp"
#include "daskify/launch/launch_variables.hpp"
#include "daskify/launch/lifeline.hpp"
#include "daskify/os/process_identity.hpp"
#include "daskify/os/scope_exit.hpp"
#include "daskify/os/serial_executor.hpp"
#include "daskify/transport/actor_system.hpp"
#include "daskify/transport/ask_peer.hpp"
#include "daskify/transport/connect.hpp"
#include "daskify/worker/task_session.hpp"
#include "daskify/worker/worker_actor.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <unistd.h>

namespace daskify::internal {

namespace {

constexpr auto connect_timeout = std::chrono::seconds{20};

/// Objects of the node's store, mapped.
class stored_objects : public object_space {
public:
  /// `end_worker` ends this process soon; it is called when the store has ended.
  stored_objects(std::shared_ptr<store_link> store, std::function<void()> end_worker)
      : store_{std::move(store)},
        end_worker_{std::move(end_worker)} {}

  object_bytes find(object_id object, std::uint64_t type) override {
    auto found = use_store([&] { return store_->map(object); });
    if (type != 0 && found.type != type)
      throw data_error{error_code::wrong_type,
                       "Scattered data are used as another type than they were scattered as; use the handle that "
                       "scatter_data gave."};
    return std::move(found.bytes);
  }

  object_id put(const type_label& type, std::span<const std::byte> bytes) override {
    return use_store([&] { return store_->put_unheld(type, bytes); });
  }

private:
  /// A lost store has ended with its node, and this process is about to end, too. Blocks until then, because no task
  /// may fail for this reason: all of them run again elsewhere.
  template <class Use>
  auto use_store(const Use& use) const -> decltype(use()) {
    try {
      return use();
    } catch (const cluster_error& e) {
      if (e.code() != error_code::scheduler_gone)
        throw;
    }
    end_worker_();
    while (true)
      ::pause();
  }

  std::shared_ptr<store_link> store_;
  std::function<void()> end_worker_;
};

enrol_request request_of(const worker_launch& as, const connection& where, const std::string& name,
                         std::uint64_t log_size) {
  enrol_request who;
  who.secret = where.secret;
  who.build_id = program_build_id();
  who.name = name;
  who.host = host_name();
  who.node = as.node;
  who.slot = as.slot;
  who.pid = ::getpid();
  who.threads = static_cast<std::uint32_t>(as.threads);
  who.log_size = log_size;
  who.cpus = as.cpus;
  return who;
}

/// Drops values that were decoded from freed objects, on a thread that is not an actor's: they are the user's.
std::function<void(const std::vector<object_id>&)> dropper(stored_objects& objects, std::shared_ptr<store_link> store) {
  auto disposer = std::make_shared<serial_executor>();
  return [&objects, store = std::move(store), disposer](const std::vector<object_id>& freed) {
    store->forget(freed);
    for (auto object : freed)
      if (auto value = objects.take_decoded(object))
        disposer->post([value = std::move(value)]() mutable { value.reset(); });
  };
}

/// Runs tasks until the session ends; returns the exit code of the process.
int work(const worker_launch& as, const std::string& name) {
  // Line-buffered, so that a task's output is not lost if the task kills the process.
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  for (const auto& library : as.libraries)
    load_library(library);
  auto folder = session_folder::open(as.session_folder);
  auto where = folder.read_connection();
  // Never destroyed, because its thread uses it until the process ends.
  // A node that was started by hand owns the session of its workers, as a client does.
  bool by_owner = !as.store || where.owner.pid == ::getppid();
  static lifeline& line = *new lifeline{folder, where.owner, by_owner ? launched_by::client : launched_by::node};

  system_config config;
  caf::actor_system system{config};
  auto scheduler = connect_to<scheduler_for_workers>(system, where.addresses, "scheduler").actor;

  auto calls = std::make_shared<actor_bridge>();
  auto store = std::make_shared<store_link>(calls, store_link::distance::remote);
  stored_objects objects{store, [] { line.end_now(); }};
  worker_actor actor;
  executor::setup with{as.threads, name, host_name(), as.log_file, {}, {}};
  with.send = [&](std::vector<lease_report> reports) {
    caf::send_as(actor, scheduler, work_report{std::move(reports)});
  };
  with.has_news = [&] { caf::anon_send(actor, executor_has_news{}); };
  executor tasks{std::move(with), objects};

  worker_setup setup;
  setup.work = &tasks;
  setup.on_freed = dropper(objects, store);
  setup.scheduler = scheduler;
  setup.on_stop = [](bool idle) {
    if (!idle)
      line.end_now();
  };
  setup.on_orphaned = [] { line.lost_scheduler(); };
  actor = system.spawn(worker_behavior, setup);
  auto session = std::make_shared<task_session>(tasks, calls, store);
  store->use(session);
  auto speaker = system.spawn(client_behavior, client_events{[](const std::vector<object_id>&) {}, {}});
  // The actor system waits for its actors, on every exit path.
  scope_exit at_the_end{[&] {
    calls->close();
    session->close();
    calls->speaker() = nullptr;
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(speaker, caf::exit_reason::user_shutdown);
    // The actors use objects that are destroyed next.
    caf::scoped_actor self{system};
    self->wait_for(actor, speaker);
  }};

  auto who = request_of(as, where, name, tasks.log_size());
  auto [answer, stored_at] =
      ask_peer<enrol_answer, store_for_users>(system, scheduler, {connect_timeout}, "scheduler", std::move(who), actor,
                                              caf::actor_cast<caf::strong_actor_ptr>(speaker));
  if (answer.refusal != error_code::none) {
    std::cerr << name << " was turned away: " << answer.reason << std::endl;
  } else {
    if (as.store)
      stored_at = connect_to<store_for_users>(system, {*as.store}, "store of its node").actor;
    calls->open(speaker);
    store->join(stored_at, {where.secret, owner_of(answer.worker), as.slot}, actor);
    session->open(answer.worker, scheduler);
    tasks.use(session);
    caf::anon_send(actor, worker_tick{answer.heartbeat_interval_ms, answer.heartbeat_timeout_ms});
    tasks.run();
  }
  return answer.refusal == error_code::none ? 0 : refused_exit_code;
}

} // namespace

void become_worker(const worker_launch& as) {
  auto name = "worker-" + std::to_string(as.slot);
  int code = 1;
  try {
    code = work(as, name);
  } catch (const std::exception& e) {
    std::cerr << name << ": " << e.what() << std::endl;
  }
  std::exit(code);
}

} // namespace daskify::internal
