#include "daskify/worker/worker_process.hpp"

#include "daskify/deploy/process.hpp"
#include "daskify/program/code_address.hpp"
#include "daskify/store/shared_memory.hpp"
#include "daskify/transport/actor_system.hpp"
#include "daskify/transport/remote_error.hpp"
#include "daskify/transport/session_folder.hpp"
#include "daskify/worker/task_session.hpp"
#include "daskify/worker/worker_actor.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <poll.h>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

namespace daskify::internal {

namespace {

constexpr auto session_variable = "DASKIFY_WORKER_SESSION";
constexpr auto slot_variable = "DASKIFY_WORKER_SLOT";
constexpr auto threads_variable = "DASKIFY_WORKER_THREADS";
constexpr auto log_variable = "DASKIFY_WORKER_LOG";

constexpr auto connect_timeout = std::chrono::seconds{20};
constexpr auto locate_timeout = std::chrono::seconds{30};
constexpr int refused_exit_code = 3;

/// Reads a variable and removes it, so that programs which tasks start are not taken for workers.
std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value ? value : "";
  ::unsetenv(name);
  return text;
}

/// Ends this process as soon as the client's process is gone, in whatever way, or when told to: also while user code
/// runs or hangs. The kernel closes the client's end of a pipe; nothing has to be sent.
class lifeline {
public:
  explicit lifeline(session_folder folder, process_identity owner)
      : folder_{std::move(folder)},
        owner_{std::move(owner)} {
    ::fcntl(lifeline_descriptor, F_SETFD, FD_CLOEXEC);
    std::thread{[this] { watch(); }}.detach(); // ends with the process
  }

  /// The session is over. From any thread; returns at once.
  void end_now() const noexcept { tell(session_over); }
  /// The connection to the client's process has broken. From any thread; returns at once.
  void lost_scheduler() const noexcept { tell(scheduler_lost); }

private:
  static constexpr std::uint64_t session_over = 1;
  static constexpr std::uint64_t scheduler_lost = std::uint64_t{1} << 32;

  void tell(std::uint64_t what) const noexcept { static_cast<void>(::write(told_, &what, sizeof what)); }

  void watch() {
    // Both are watched, because a forked copy of the client may hold the pipe open after the client is gone.
    auto ended = open_ended_descriptor(owner_.pid);
    pollfd watched[] = {{lifeline_descriptor, POLLIN, 0}, {told_, POLLIN, 0}, {ended.get(), POLLIN, 0}};
    while (::poll(watched, 3, -1) < 0 && errno == EINTR) {
    }
    // Only what nobody holds: a task may be blocked in a read or write for ever.
    for (auto* stream : {stdout, stderr})
      if (::ftrylockfile(stream) == 0) {
        ::fflush_unlocked(stream);
        ::funlockfile(stream);
      }
    std::uint64_t told = 0;
    if (watched[1].revents != 0)
      static_cast<void>(::read(told_, &told, sizeof told));
    // The pipe and the connection of a client that ends close a moment before its process is gone, in any order. As
    // long as it lives, the folder is its own to remove.
    if ((watched[0].revents != 0 || told >= scheduler_lost) && ended)
      ::poll(&watched[2], 1, 2000);
    if (is_gone(owner_))
      folder_.remove();
    // What tasks have started belongs to this worker's process group and goes with it.
    if (::getpgrp() == ::getpid())
      ::kill(0, SIGKILL);
    ::_exit(0);
  }

  session_folder folder_;
  process_identity owner_;
  int told_ = ::eventfd(0, EFD_CLOEXEC);
};

/// Maps objects of the node's store, once as long as somebody uses them.
class mapped_objects : public object_source {
public:
  mapped_objects(caf::actor_system& system) : system_{system} {}

  void use(store_for_workers store) { store_ = std::move(store); }

  object_bytes find(object_id object, std::uint64_t type) override {
    std::lock_guard guard{mutex_};
    auto& known = known_[object];
    auto mapping = known.bytes.lock();
    if (!mapping) {
      auto where = locate(object);
      mapping = std::make_shared<mapped_segment>(map_segment({where.pid, where.fd, where.inode, where.size}));
      known = {mapping, where.type};
    }
    if (known.type != type)
      throw data_error{error_code::wrong_type,
                       "Scattered data are used as another type than they were scattered as; use the handle that "
                       "scatter_data gave."};
    return {mapping, mapping->view()};
  }

private:
  struct known_object {
    std::weak_ptr<mapped_segment> bytes;
    std::uint64_t type = 0;
  };

  object_location locate(object_id object) {
    caf::scoped_actor self{system_};
    object_location where;
    self->request(store_, locate_timeout, locate_object{object})
        .receive([&](object_location& found) { where = found; },
                 [](caf::error& e) { std::rethrow_exception(to_exception(e, "store of scattered data")); });
    return where;
  }

  caf::actor_system& system_;
  store_for_workers store_;
  std::mutex mutex_;
  std::unordered_map<object_id, known_object> known_;
};

scheduler_for_workers connect(caf::actor_system& system, const connection& where) {
  std::string tried;
  for (const auto& address : where.addresses) {
    auto scheduler = system.middleman().remote_actor<scheduler_for_workers>(address.host, address.port);
    if (scheduler)
      return *scheduler;
    tried += (tried.empty() ? "" : ", ") + address.host + ":" + std::to_string(address.port) + " (" +
             caf::to_string(scheduler.error()) + ")";
  }
  throw cluster_error{error_code::scheduler_gone,
                      "The worker reached its scheduler at none of its addresses: " + tried +
                          "; check that the client still runs and that no firewall is between."};
}

std::string host_name() {
  char name[256]{};
  ::gethostname(name, sizeof name - 1);
  return name;
}

/// Runs tasks until the session ends; the exit code of the process.
int work(const std::string& folder_path, unsigned slot, std::size_t threads, const std::string& log_file) {
  // By lines, so that what a task printed is there to be shown when it kills the process.
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  auto folder = session_folder::open(folder_path);
  auto where = folder.read_connection();
  // Never destroyed: its thread looks at it until the process is gone.
  static lifeline& line = *new lifeline{folder, where.owner};

  system_config config;
  caf::actor_system system{config};
  auto scheduler = connect(system, where);

  auto name = "worker-" + std::to_string(slot);
  mapped_objects objects{system};
  worker_actor actor;
  executor::setup with{threads, name, host_name(), log_file, {}, {}};
  with.send = [&](std::vector<lease_report> reports) {
    caf::send_as(actor, scheduler, work_report{std::move(reports)});
  };
  with.has_news = [&] { caf::anon_send(actor, executor_has_news{}); };
  executor tasks{std::move(with), objects};

  worker_setup setup;
  setup.work = &tasks;
  setup.objects = &objects;
  setup.scheduler = scheduler;
  setup.on_stop = [](bool idle) {
    if (!idle)
      line.end_now();
  };
  setup.on_orphaned = [] { line.lost_scheduler(); };
  actor = system.spawn(worker_behavior, setup);
  auto session = std::make_shared<task_session>(tasks);
  auto speaker = system.spawn(client_behavior);

  enrol_request who{
      where.secret,    program_build_id(), name, host_name(), slot, ::getpid(), static_cast<std::uint32_t>(threads),
      tasks.log_size()};
  enrol_answer answer;
  {
    caf::scoped_actor self{system};
    self->request(scheduler, connect_timeout, std::move(who), actor, caf::actor_cast<caf::strong_actor_ptr>(speaker))
        .receive(
            [&](enrol_answer& a, store_for_workers& store) {
              answer = a;
              objects.use(store);
            },
            [](caf::error& e) { std::rethrow_exception(to_exception(e, "scheduler")); });
  }
  if (answer.refusal != error_code::none) {
    std::cerr << name << " was turned away: " << answer.reason << std::endl;
  } else {
    session->open(answer.worker, speaker, scheduler);
    tasks.use(session);
    caf::anon_send(actor, worker_tick{answer.heartbeat_interval_ms, answer.heartbeat_timeout_ms});
    tasks.run();
    session->close();
  }
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(speaker, caf::exit_reason::user_shutdown);
  return answer.refusal == error_code::none ? 0 : refused_exit_code;
}

} // namespace

std::vector<std::pair<std::string, std::string>> worker_environment(const std::string& session_folder, unsigned slot,
                                                                    std::size_t threads, const std::string& log_file) {
  return {{session_variable, session_folder},
          {slot_variable, std::to_string(slot)},
          {threads_variable, std::to_string(threads)},
          {log_variable, log_file}};
}

void become_worker_if_launched() {
  auto folder = take_variable(session_variable);
  auto slot = take_variable(slot_variable);
  auto threads = take_variable(threads_variable);
  auto log_file = take_variable(log_variable);
  if (folder.empty())
    return;
  int code = 1;
  try {
    code = work(folder, static_cast<unsigned>(std::strtoul(slot.c_str(), nullptr, 10)),
                std::max<std::size_t>(std::strtoul(threads.c_str(), nullptr, 10), 1), log_file);
  } catch (const std::exception& e) {
    std::cerr << "worker-" << slot << ": " << e.what() << std::endl;
  }
  std::exit(code);
}

} // namespace daskify::internal
