#include "daskify/client/local_session.hpp"

#include "daskify/defaults.hpp"
#include "daskify/deploy/cpu_count.hpp"
#include "daskify/program/code_address.hpp"
#include "daskify/progress/progress_actor.hpp"
#include "daskify/progress/progress_bar.hpp"
#include "daskify/protocol/result_block.hpp"
#include "daskify/scheduler/scheduler_actor.hpp"
#include "daskify/store/memory_room.hpp"
#include "daskify/store/store_actor.hpp"

#include <caf/io/middleman.hpp>
#include <caf/logger.hpp>

#include <filesystem>
#include <thread>
#include <unistd.h>

namespace daskify::internal {

namespace {

constexpr auto loopback = "127.0.0.1";

[[noreturn]] void throw_shut_down() {
  throw cluster_error{error_code::shut_down,
                      "The cluster was shut down; call start_cluster on a daskified object before using it."};
}

} // namespace

/// One reference to an object of this session.
class local_session::handle final : public object_handle {
public:
  handle(std::weak_ptr<local_session> session, object_id object, std::string key, std::uint64_t size)
      : session_{std::move(session)},
        object_{object},
        key_{std::move(key)},
        size_{size} {}

  ~handle() override {
    if (auto session = session_.lock())
      session->release_object(object_);
  }

  object_id id() const override { return object_; }
  const std::string& key() const override { return key_; }
  std::uint64_t size() const override { return size_; }
  bool belongs_to(const cluster_session* session) const override {
    auto mine = session_.lock();
    return mine && mine.get() == session;
  }

private:
  std::weak_ptr<local_session> session_;
  object_id object_;
  std::string key_;
  std::uint64_t size_;
};

// -- start and end --------------------------------------------------------------------------------------------

local_session::local_session(const settings& with, const std::string& program_name)
    : settings_{with},
      folder_{session_folder::create(with.session_directory.value_or(""))} {
  try {
    session_folder::sweep_stale(with.session_directory.value_or(""));
    system_ = std::make_unique<caf::actor_system>(config_);
    auto secret = random_hex(32);

    local_fleet::setup fleet;
    fleet.program = with.worker_program.value_or("/proc/self/exe");
    fleet.name = with.worker_program.value_or(program_name);
    fleet.session_folder = folder_.path();
    fleet.log_folder = with.log_directory.value_or(folder_.path());
    fleet.size = with.size.value_or(usable_cpus());
    fleet.threads = with.threads;
    fleet.on_exit = [this](std::uint32_t slot, std::int32_t pid, const std::string& how, log_end log) {
      std::lock_guard open{waiting_mutex_};
      if (!closed_)
        tell(scheduler_, worker_exited{slot, pid, how, std::move(log.bytes), log.size});
    };
    fleet.on_exhausted = [this](const std::string& reason) {
      std::lock_guard open{waiting_mutex_};
      if (!closed_)
        tell(scheduler_, workers_exhausted{reason});
    };
    if (with.log_directory) {
      std::error_code failed;
      std::filesystem::create_directories(*with.log_directory, failed);
      if (failed)
        throw cluster_error{error_code::session_failed, "The log_directory " + *with.log_directory +
                                                            " cannot be made (" + failed.message() +
                                                            "); name a folder that you may write to."};
    }
    fleet_ = std::make_unique<local_fleet>(std::move(fleet));

    store_ = system_->spawn(store_behavior);
    scheduler_setup setup;
    setup.secret = secret;
    setup.build_id = program_build_id();
    setup.heartbeat_interval = with.heartbeat_interval;
    setup.heartbeat_timeout = with.heartbeat_timeout;
    setup.retries = with.retries;
    setup.store = store_;
    setup.on_enrolled = [this](const enrol_request& who) { fleet_->enrolled(who.slot); };
    setup.on_refused = [this](const enrol_request& who, const enrol_answer& answer) {
      // Without the secret it may be anybody, and says nothing about our own workers.
      if (answer.refusal != error_code::bad_secret)
        fleet_->refused(who.slot, answer.reason);
    };
    setup.on_silent = [this](std::uint32_t slot, std::int32_t pid) { fleet_->kill(slot, pid); };
    scheduler_ = system_->spawn(scheduler_behavior, std::move(setup));
    progress_ = system_->spawn(progress_behavior, scheduler_);
    client_ = system_->spawn(client_behavior);
    tell(store_, scheduler_);

    auto port = system_->middleman().publish(caf::actor_cast<scheduler_for_workers>(scheduler_), 0, loopback);
    if (!port)
      throw cluster_error{error_code::session_failed, "The scheduler could not listen on " + std::string{loopback} +
                                                          " (" + caf::to_string(port.error()) +
                                                          "); check the limits on sockets and open files."};
    folder_.publish({random_hex(8), {{loopback, *port}}, secret, this_process(), program_build_id()});

    fleet_->start();
    fleet_->wait_enrolled(with.start_timeout);
    // This thread would keep the system's logger alive, and ending the system waits for that to be gone.
    caf::logger::set_current_actor_system(nullptr);
  } catch (...) {
    caf::logger::set_current_actor_system(nullptr);
    shutdown();
    throw;
  }
}

local_session::~local_session() {
  shutdown();
}

void local_session::shutdown() noexcept {
  if (::getpid() != owner_) {
    // A forked copy has none of the threads, and the cluster is not its own: it only lets go.
    closed_ = true;
    static_cast<void>(system_.release());
    static_cast<void>(fleet_.release());
    return;
  }
  std::lock_guard guard{shutdown_mutex_};
  std::map<std::uint64_t, std::function<void()>> waiting;
  {
    // From here on nobody but this function talks to the actors.
    std::lock_guard waiting_guard{waiting_mutex_};
    if (closed_.exchange(true))
      return;
    waiting.swap(waiting_);
  }
  for (auto& [id, wake] : waiting)
    wake();
  if (fleet_) {
    fleet_->stop_replacing();
    if (client_ && scheduler_)
      tell(scheduler_, stop_session{});
    fleet_->end_all(tuning::stop_grace);
  }
  if (system_) {
    for (auto& a : {caf::actor_cast<caf::strong_actor_ptr>(client_), caf::actor_cast<caf::strong_actor_ptr>(progress_),
                    caf::actor_cast<caf::strong_actor_ptr>(scheduler_), caf::actor_cast<caf::strong_actor_ptr>(store_)})
      if (a)
        caf::anon_send_exit(caf::actor_cast<caf::actor>(a), caf::exit_reason::kill);
    client_ = nullptr;
    progress_ = nullptr;
    scheduler_ = nullptr;
    store_ = nullptr;
    // On a thread of its own: CAF uses thread-local storage here, which is gone already when a static object is
    // destroyed.
    std::thread{[this] { system_.reset(); }}.join();
  }
  fleet_.reset();
  folder_.remove();
}

void local_session::require_open() const {
  if (closed_)
    throw_shut_down();
}

// -- crossing to the actors -----------------------------------------------------------------------------------

void local_session::post(std::function<void(client_actor::pointer)> call) {
  caf::anon_send(client_, user_call{std::move(call)});
}

template <class Actor, class Message>
void local_session::tell(const Actor& to, Message message) {
  post([to, m = std::move(message)](client_actor::pointer self) mutable { self->send(to, std::move(m)); });
}

template <class Reply, class Actor, class Message>
std::optional<Reply> local_session::ask(const Actor& to, Message message, std::chrono::milliseconds timeout,
                                        const char* asked, deadline until) {
  auto slot = std::make_shared<answer_slot<Reply>>();
  std::uint64_t id = 0;
  {
    // Registered and posted under the lock, so that a shutdown either sees the waiter or is seen here.
    std::lock_guard guard{waiting_mutex_};
    require_open();
    id = ++last_waiting_;
    waiting_.emplace(id, [slot] { slot->abandon(); });
    post([slot, to, timeout, m = std::move(message)](client_actor::pointer self) mutable {
      self->request(to, timeout, std::move(m))
          .then([slot](Reply& reply) { slot->fill(std::move(reply)); },
                [slot](caf::error& why) { slot->fail(std::move(why)); });
    });
  }
  struct unregister {
    local_session& session;
    std::uint64_t id;
    ~unregister() {
      std::lock_guard guard{session.waiting_mutex_};
      session.waiting_.erase(id);
    }
  } at_end{*this, id};
  return slot->wait(until, asked);
}

// -- runs -----------------------------------------------------------------------------------------------------

run_id local_session::submit(run_spec spec) {
  if (spec.description.size() > tuning::largest_message)
    throw data_error{error_code::no_room, "The arguments of a run take " + format_bytes(spec.description.size()) +
                                              ", more than one message can carry; put large values on the cluster with "
                                              "scatter_data."};
  std::lock_guard guard{waiting_mutex_};
  require_open();
  run_id id{++last_run_};
  spec.run = id;
  spec.seed = id.value;
  submit_runs message;
  message.runs.push_back(std::move(spec));
  tell(scheduler_, std::move(message));
  return id;
}

awaited_tasks local_session::await(const std::vector<run_range>& tasks, std::uint64_t how_many, bool want_results,
                                   deadline until) {
  auto question = [&](std::chrono::milliseconds patience) {
    return await_tasks{tasks, how_many, static_cast<std::uint64_t>(patience.count()), want_results};
  };
  auto limit = tuning::patience + tuning::answer_timeout;
  while (!until || std::chrono::steady_clock::now() < *until) {
    auto answer = ask<awaited_tasks>(scheduler_, question(tuning::patience), limit, "scheduler", until);
    if (answer && answer->satisfied)
      return std::move(*answer);
  }
  // The time is over: how things stand now.
  return *ask<awaited_tasks>(scheduler_, question({}), limit, "scheduler");
}

progress local_session::count(const std::vector<run_range>& tasks) {
  return *ask<progress>(progress_, count_tasks{tasks}, 2 * tuning::answer_timeout, "progress actor");
}

void local_session::cancel(const std::vector<run_range>& tasks) {
  std::lock_guard guard{waiting_mutex_};
  require_open();
  tell(scheduler_, cancel_tasks{tasks});
}

void local_session::release(run_id run) noexcept {
  std::lock_guard guard{waiting_mutex_};
  if (!closed_)
    tell(scheduler_, release_runs{{run}});
}

progress local_session::monitor(const std::vector<run_range>& tasks) {
  if (tasks.empty())
    return {};
  auto feed = std::make_shared<progress_feed>();
  std::uint64_t id = 0;
  {
    std::lock_guard guard{waiting_mutex_};
    require_open();
    id = ++last_waiting_;
    waiting_.emplace(id, [feed] { feed->close(); });
    tell(progress_, watch_tasks{feed, tasks});
  }
  progress_bar bar{STDERR_FILENO, settings_.progress};
  snapshot last;
  while (true) {
    auto next = feed->next(std::chrono::seconds{1});
    if (!next) {
      if (feed->closed())
        throw_shut_down();
      continue;
    }
    last = *next;
    if (last.counts.ended())
      break;
    bar.show(last);
  }
  bar.finish(last);
  std::lock_guard guard{waiting_mutex_};
  waiting_.erase(id);
  return last.counts;
}

// -- data -----------------------------------------------------------------------------------------------------

std::shared_ptr<object_handle> local_session::put(const std::string& key, bool replace, std::uint64_t type,
                                                  const std::string& type_name, part bytes) {
  require_open();
  segment_writer writer{key.empty() ? "object" : key, bytes.size()};
  writer.write(bytes);
  put_object message;
  message.object = object_id{++last_object_};
  message.key = key;
  message.replace = replace;
  message.type = type;
  message.type_name = type_name;
  message.bytes = std::make_shared<segment>(std::move(writer).seal());
  auto id = message.object;
  ask<object_location>(store_, std::move(message), tuning::answer_timeout, "store");
  return std::make_shared<handle>(weak_from_this(), id, key, bytes.size());
}

shared_bytes local_session::find(const std::string& key, std::uint64_t type, const std::string& type_name) {
  auto where = *ask<object_location>(store_, find_object{key, type, type_name}, tuning::answer_timeout, "store");
  auto keep = handle{weak_from_this(), where.object, key, where.size};
  auto mapping = std::make_shared<mapped_segment>(map_segment({where.pid, where.fd, where.inode, where.size}));
  auto view = mapping->view();
  return {std::move(mapping), view};
}

void local_session::release_object(object_id object) noexcept {
  std::lock_guard guard{waiting_mutex_};
  if (!closed_)
    tell(store_, daskify::internal::release_object{object});
}

void local_session::drop_key(const std::string& key) {
  ask<object_location>(store_, internal::drop_key{key}, tuning::answer_timeout, "store");
}

worker_list local_session::workers() {
  return *ask<worker_list>(scheduler_, list_workers{}, tuning::answer_timeout, "scheduler");
}

} // namespace daskify::internal
