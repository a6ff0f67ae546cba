#include "daskify/client/local_session.hpp"

#include "daskify/defaults.hpp"
#include "daskify/deploy/cpu_count.hpp"
#include "daskify/program/code_address.hpp"
#include "daskify/progress/progress_actor.hpp"
#include "daskify/progress/progress_bar.hpp"
#include "daskify/scheduler/scheduler_actor.hpp"
#include "daskify/store/store_actor.hpp"

#include <caf/io/middleman.hpp>
#include <caf/logger.hpp>

#include <filesystem>
#include <thread>
#include <unistd.h>

namespace daskify::internal {

namespace {

constexpr auto loopback = "127.0.0.1";

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
    keep_standard_descriptors();
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
      crossing_.tell_if_open(scheduler_, worker_exited{slot, pid, how, std::move(log.bytes), log.size});
    };
    fleet.on_exhausted = [this](const std::string& reason) {
      crossing_.tell_if_open(scheduler_, workers_exhausted{reason});
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
    link_.use(scheduler_);
    crossing_.open(system_->spawn(client_behavior));
    crossing_.tell(store_, scheduler_);

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
    crossing_.abandon();
    static_cast<void>(system_.release());
    static_cast<void>(fleet_.release());
    return;
  }
  std::lock_guard guard{shutdown_mutex_};
  if (std::exchange(ended_, true))
    return;
  // From here on nobody but this function talks to the actors.
  crossing_.close();
  if (fleet_) {
    fleet_->stop_replacing();
    if (scheduler_)
      caf::send_as(crossing_.speaker(), scheduler_, stop_session{});
    fleet_->end_all(tuning::stop_grace);
  }
  if (system_) {
    auto end = [](auto& actor) {
      if (actor)
        caf::anon_send_exit(actor, caf::exit_reason::kill);
      actor = nullptr;
    };
    end(crossing_.speaker());
    end(progress_);
    end(scheduler_);
    end(store_);
    link_.use({});
    // On a thread of its own: CAF uses thread-local storage here, which is gone already when a static object is
    // destroyed.
    std::thread{[this] { system_.reset(); }}.join();
  }
  fleet_.reset();
  folder_.remove();
}

// -- runs -----------------------------------------------------------------------------------------------------

run_id local_session::submit(run_spec spec) {
  spec.run = nth_run_of({}, ++last_run_);
  spec.seed = spec.run.value;
  auto id = spec.run;
  link_.submit(std::move(spec));
  return id;
}

awaited_tasks local_session::await(const std::vector<run_range>& tasks, std::uint64_t how_many, bool want_results,
                                   deadline until) {
  return link_.await(tasks, how_many, want_results, until);
}

progress local_session::count(const std::vector<run_range>& tasks) {
  return crossing_.ask_and_wait<progress>(progress_, count_tasks{tasks}, {}, "progress actor");
}

void local_session::cancel(const std::vector<run_range>& tasks) {
  link_.cancel(tasks);
}

void local_session::release(run_id run) noexcept {
  link_.release(run);
}

progress local_session::monitor(const std::vector<run_range>& tasks) {
  if (tasks.empty())
    return {};
  auto feed = std::make_shared<progress_feed>();
  auto watch = crossing_.watch([feed] { feed->close(); });
  crossing_.tell(progress_, watch_tasks{feed, tasks});
  progress_bar bar{STDERR_FILENO, settings_.progress};
  snapshot last;
  while (true) {
    auto next = feed->next(std::chrono::seconds{1});
    if (!next) {
      if (feed->closed())
        crossing::throw_closed();
      continue;
    }
    last = *next;
    if (last.counts.ended())
      break;
    bar.show(last);
  }
  bar.finish(last);
  crossing_.forget(watch);
  return last.counts;
}

// -- data -----------------------------------------------------------------------------------------------------

class local_session::shared_room final : public data_room {
public:
  explicit shared_room(std::uint64_t size) : builder_{"object", size} {}

  std::span<std::byte> bytes() noexcept override { return builder_.bytes(); }
  segment seal() { return std::move(builder_).seal(); }

private:
  segment_builder builder_;
};

std::unique_ptr<data_room> local_session::reserve(std::uint64_t bytes) {
  return std::make_unique<shared_room>(bytes);
}

std::shared_ptr<object_handle> local_session::put(const std::string& key, bool replace, std::uint64_t type,
                                                  const std::string& type_name, part bytes) {
  if (!crossing_.is_open())
    crossing::throw_closed();
  segment_writer writer{key.empty() ? "object" : key, bytes.size()};
  writer.write(bytes);
  return put_segment(key, replace, type, type_name, std::move(writer).seal());
}

std::shared_ptr<object_handle> local_session::put(const std::string& key, bool replace, std::uint64_t type,
                                                  const std::string& type_name, std::unique_ptr<data_room> filled) {
  auto& ours = dynamic_cast<shared_room&>(*filled); // there is no other kind
  return put_segment(key, replace, type, type_name, ours.seal());
}

std::shared_ptr<object_handle> local_session::put_segment(const std::string& key, bool replace, std::uint64_t type,
                                                          const std::string& type_name, segment bytes) {
  auto id = object_id{++last_object_};
  auto size = bytes.size();
  put_object message{id, key, replace, type, type_name, std::make_shared<segment>(std::move(bytes))};
  crossing_.ask_and_wait<object_location>(store_, std::move(message), {}, "store");
  return std::make_shared<handle>(weak_from_this(), id, key, size);
}

namespace {

shared_bytes mapped(const object_location& where) {
  auto mapping = std::make_shared<mapped_segment>(map_segment({where.pid, where.fd, where.inode, where.size}));
  auto view = mapping->view();
  return {std::move(mapping), view};
}

} // namespace

shared_bytes local_session::map(object_id object) {
  return mapped(crossing_.ask_and_wait<object_location>(store_, locate_object{object}, {}, "store"));
}

shared_bytes local_session::find(const std::string& key, std::uint64_t type, const std::string& type_name) {
  auto where = crossing_.ask_and_wait<object_location>(store_, find_object{key, type, type_name}, {}, "store");
  auto keep = handle{weak_from_this(), where.object, key, where.size};
  return mapped(where);
}

object_list local_session::objects() {
  return crossing_.ask_and_wait<object_list>(store_, list_objects{}, {}, "store");
}

void local_session::release_object(object_id object) noexcept {
  crossing_.tell_if_open(store_, daskify::internal::release_object{object});
}

void local_session::drop_key(const std::string& key) {
  crossing_.ask_and_wait<object_location>(store_, internal::drop_key{key}, {}, "store");
}

worker_list local_session::workers() {
  return crossing_.ask_and_wait<worker_list>(scheduler_, list_workers{}, {}, "scheduler");
}

} // namespace daskify::internal
