#include "daskify/client/local_session.hpp"

#include "daskify/config/value_text.hpp"
#include "daskify/defaults.hpp"
#include "daskify/deploy/cpu_count.hpp"
#include "daskify/deploy/launch_variables.hpp"
#include "daskify/program/code_address.hpp"
#include "daskify/progress/progress_actor.hpp"
#include "daskify/progress/progress_bar.hpp"
#include "daskify/scheduler/scheduler_actor.hpp"
#include "daskify/store/directory_actor.hpp"
#include "daskify/store/memory_room.hpp"
#include "daskify/store/spill_file.hpp"
#include "daskify/transport/connect.hpp"

#include <caf/logger.hpp>

#include <algorithm>
#include <filesystem>
#include <thread>
#include <unistd.h>

namespace daskify::internal {

// -- start and end --------------------------------------------------------------------------------------------

std::shared_ptr<local_session> local_session::start(const settings& with, const std::string& program_name) {
  auto started = std::make_shared<local_session>(with, program_name);
  started->data_->use(started);
  return started;
}

local_session::local_session(const settings& with, const std::string& program_name)
    : settings_{with},
      folder_{session_folder::create(with.session_directory.value_or(""))},
      size_{with.size.value_or(std::max<std::size_t>(usable_cpus(), with.nodes))} {
  try {
    if (size_ < with.nodes)
      throw config_error{error_code::bad_option_value, "The option nodes is " + std::to_string(with.nodes) +
                                                           ", but there are only " + std::to_string(size_) +
                                                           " workers (size); each node needs one."};
    if (with.log_directory) {
      std::error_code failed;
      std::filesystem::create_directories(*with.log_directory, failed);
      if (failed)
        throw cluster_error{error_code::session_failed, "The log_directory " + *with.log_directory +
                                                            " cannot be made (" + failed.message() +
                                                            "); name a folder that you may write to."};
    }
    // The default is not asked for, so it is no error before something has to be spilled.
    if (auto spill = with.spill_folder(); spill && with.origin("spill_directory") != "default")
      if (auto why = why_no_spilling(*spill); !why.empty())
        throw config_error{error_code::bad_option_value,
                           "The spill_directory " + in_quotes(*spill) + " (" + with.origin("spill_directory") +
                               ") cannot be used: " + why + "; name a folder that you may write to, or none."};
    keep_standard_descriptors();
    session_folder::sweep_stale(with.session_directory.value_or(""));
    auto share = tuning::store_share * static_cast<double>(free_memory().bytes) / static_cast<double>(with.nodes);
    store_limit_ = with.store_limit.value_or(std::max(limits::smallest_store, static_cast<std::uint64_t>(share)));
    system_ = std::make_unique<caf::actor_system>(config_);
    auto secret = random_hex(32);

    workers_ = fleet_of_workers(program_name);
    if (with.nodes > 1)
      nodes_ = fleet_of_nodes(program_name);
    working_fleets_ = 1 + (nodes_ != nullptr);
    start_actors(secret);
    auto address = publish(*system_, caf::actor_cast<scheduler_for_workers>(scheduler_), "scheduler");
    folder_.publish({random_hex(8), {address}, secret, this_process(), program_build_id()});

    workers_->start();
    if (nodes_)
      nodes_->start();
    auto begin = std::chrono::steady_clock::now();
    workers_->wait_enrolled(with.start_timeout);
    if (nodes_) {
      auto left = with.start_timeout - (std::chrono::steady_clock::now() - begin);
      nodes_->wait_enrolled(std::max(std::chrono::ceil<std::chrono::milliseconds>(left), std::chrono::milliseconds{1}));
    }
    // This thread would keep the system's logger alive, and ending the system waits for that to be gone.
    caf::logger::set_current_actor_system(nullptr);
  } catch (...) {
    caf::logger::set_current_actor_system(nullptr);
    shutdown();
    throw;
  }
}

void local_session::start_actors(const std::string& secret) {
  auto name = node_name(0);
  store_setup data;
  data.secret = secret;
  data.limit = store_limit_;
  data.spill_directory = settings_.spill_folder();
  data.source_patience = settings_.heartbeat_timeout + tuning::source_grace;
  node_ = std::make_shared<node_store>(std::move(data));
  directory_ = system_->spawn(directory_behavior);
  store_ = system_->spawn(store_behavior, node_);

  scheduler_setup setup;
  setup.secret = secret;
  setup.build_id = program_build_id();
  setup.heartbeat_interval = settings_.heartbeat_interval;
  setup.heartbeat_timeout = settings_.heartbeat_timeout;
  setup.start_timeout = settings_.start_timeout;
  setup.retries = settings_.retries;
  setup.store = store_;
  setup.directory = directory_;
  setup.on_enrolled = [this](const enrol_request& who) { workers_->enrolled(who.slot); };
  setup.on_refused = [this](const enrol_request& who, const enrol_answer& answer) {
    // Without the secret it may be anybody, and says nothing about our own workers.
    if (answer.refusal != error_code::bad_secret)
      workers_->refused(who.slot, answer.reason);
  };
  setup.on_silent = [this](std::uint32_t slot, std::int32_t pid) { workers_->kill(slot, pid); };
  setup.on_node_ready = [this](std::uint32_t slot) {
    if (nodes_)
      nodes_->enrolled(slot);
  };
  setup.on_node_refused = [this](std::uint32_t slot, const std::string& reason) {
    if (nodes_)
      nodes_->refused(slot, reason);
  };
  setup.on_node_silent = [this](std::uint32_t slot, std::int32_t pid) {
    if (nodes_)
      nodes_->kill(slot, pid);
  };
  scheduler_ = system_->spawn(scheduler_behavior, std::move(setup));
  progress_ = system_->spawn(progress_behavior, scheduler_);
  link_.use(scheduler_);
  auto speaker = system_->spawn(client_behavior, [data = std::weak_ptr{data_}](const std::vector<object_id>& freed) {
    if (auto open = data.lock())
      open->forget(freed);
  });
  crossing_->open(speaker);

  crossing_->tell(store_, caf::actor_cast<directory_for_stores>(directory_));
  auto transfers = node_->transfers_at();
  crossing_->ask_and_wait<node_admitted>(directory_, {}, "object directory",
                                         admit_node{name, transfers.host, transfers.port},
                                         caf::actor_cast<store_for_directory>(store_));
  data_->join(store_, {secret, client_owner}, speaker);
}

std::pair<std::uint32_t, std::size_t> local_session::workers_of(std::size_t node) const {
  auto each = size_ / settings_.nodes;
  auto more = size_ % settings_.nodes; // the first ones have one more
  return {static_cast<std::uint32_t>(node * each + std::min(node, more)), each + (node < more)};
}

std::string local_session::node_name(std::size_t node) const {
  return settings_.nodes > 1 ? "node-" + std::to_string(node) : host_name();
}

/// What workers and nodes have in common.
local_fleet::setup local_session::fleet_setup(const std::string& program_name) {
  local_fleet::setup fleet;
  fleet.program = settings_.worker_program.value_or("/proc/self/exe");
  fleet.name = settings_.worker_program.value_or(program_name);
  fleet.log_folder = settings_.log_directory.value_or(folder_.path());
  fleet.on_exhausted = [this](const std::string& reason) { fleet_exhausted(reason); };
  return fleet;
}

std::unique_ptr<local_fleet> local_session::fleet_of_workers(const std::string& program_name) {
  auto fleet = fleet_setup(program_name);
  fleet.environment = [this](std::uint32_t slot, const std::string& log_file) {
    return to_environment(worker_launch{folder_.path(), slot, settings_.threads, log_file, node_name(0), {}});
  };
  std::tie(fleet.first_slot, fleet.size) = workers_of(0);
  fleet.on_exit = [this](std::uint32_t slot, std::int32_t pid, const std::string& how, log_end log) {
    crossing_->tell_if_open(scheduler_, worker_exited{slot, pid, how, std::move(log.bytes), log.size});
  };
  return std::make_unique<local_fleet>(std::move(fleet));
}

std::unique_ptr<local_fleet> local_session::fleet_of_nodes(const std::string& program_name) {
  auto fleet = fleet_setup(program_name);
  fleet.kind = "node";
  fleet.environment = [this, name = fleet.name, logs = fleet.log_folder](std::uint32_t slot, const std::string&) {
    node_launch launch;
    launch.session_folder = folder_.path();
    launch.slot = slot;
    launch.name = node_name(slot);
    launch.program_name = name;
    launch.log_folder = logs;
    std::tie(launch.first_worker, launch.workers) = workers_of(slot);
    launch.threads = settings_.threads;
    launch.start_timeout = settings_.start_timeout;
    launch.heartbeat_timeout = settings_.heartbeat_timeout;
    launch.store_limit = store_limit_;
    launch.spill_directory = settings_.spill_folder();
    return to_environment(launch);
  };
  fleet.first_slot = 1;
  fleet.size = settings_.nodes - 1;
  fleet.on_exit = [](std::uint32_t, std::int32_t, const std::string&, log_end) {
    // Its workers go with it, and the actors that it had are monitored.
  };
  return std::make_unique<local_fleet>(std::move(fleet));
}

/// Neither workers nor nodes can be started any more.
void local_session::fleet_exhausted(const std::string& reason) {
  if (--working_fleets_ == 0)
    crossing_->tell_if_open(scheduler_, workers_exhausted{reason});
}

local_session::~local_session() {
  shutdown();
}

void local_session::shutdown() noexcept {
  if (::getpid() != owner_) {
    // A forked copy has none of the threads, and the cluster is not its own: it only lets go.
    crossing_->abandon();
    static_cast<void>(system_.release());
    static_cast<void>(workers_.release());
    static_cast<void>(nodes_.release());
    return;
  }
  std::lock_guard guard{shutdown_mutex_};
  if (std::exchange(ended_, true))
    return;
  // From here on nobody but this function talks to the actors.
  crossing_->close();
  for (auto* fleet : {workers_.get(), nodes_.get()})
    if (fleet)
      fleet->stop_replacing();
  if (scheduler_)
    caf::send_as(crossing_->speaker(), scheduler_, stop_session{});
  if (workers_)
    workers_->end_all(tuning::stop_grace);
  if (nodes_)
    nodes_->end_all(2 * tuning::stop_grace); // which give their own workers the time they have
  if (node_)
    node_->stop();
  if (system_) {
    auto end = [](auto& actor) {
      if (actor)
        caf::anon_send_exit(actor, caf::exit_reason::kill);
      actor = nullptr;
    };
    end(crossing_->speaker());
    end(progress_);
    end(scheduler_);
    end(store_);
    end(directory_);
    link_.use({});
    // On a thread of its own: CAF uses thread-local storage here, which is gone already when a static object is
    // destroyed.
    std::thread{[this] { system_.reset(); }}.join();
  }
  workers_.reset();
  nodes_.reset();
  folder_.remove();
}

// -- runs -----------------------------------------------------------------------------------------------------

run_id local_session::submit(run_spec spec) {
  spec.run = nth_run_of({}, ++last_run_);
  spec.seed = spec.run.value;
  if (!spec.objects.empty())
    data_->flush();
  data_->retain_for_run(spec.objects);
  auto id = spec.run;
  link_.submit(std::move(spec));
  return id;
}

awaited_tasks local_session::await(const std::vector<run_range>& tasks, std::uint64_t how_many, bool want_results,
                                   deadline until) {
  return link_.await(tasks, how_many, want_results, until);
}

progress local_session::count(const std::vector<run_range>& tasks) {
  return crossing_->ask_and_wait<progress>(progress_, {}, "progress actor", count_tasks{tasks});
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
  auto watch = crossing_->watch([feed] { feed->close(); });
  crossing_->tell(progress_, watch_tasks{feed, tasks});
  progress_bar bar{STDERR_FILENO, settings_.progress};
  snapshot last;
  while (true) {
    auto next = feed->next(std::chrono::seconds{1});
    if (!next) {
      if (feed->closed())
        crossing_->throw_closed();
      continue;
    }
    last = *next;
    if (last.counts.ended())
      break;
    bar.show(last);
  }
  bar.finish(last);
  crossing_->forget(watch);
  return last.counts;
}

// -- data -----------------------------------------------------------------------------------------------------

std::unique_ptr<data_room> local_session::reserve(std::uint64_t bytes) {
  return data_->reserve(bytes);
}

std::shared_ptr<object_handle> local_session::put_value(const type_label& type, part bytes) {
  return data_->put_once(type, bytes);
}

std::shared_ptr<object_handle> local_session::put(const std::string& key, bool replace, const type_label& type,
                                                  part bytes) {
  return data_->put({key, replace, type}, bytes);
}

std::shared_ptr<object_handle> local_session::put(const std::string& key, bool replace, const type_label& type,
                                                  std::unique_ptr<data_room> filled) {
  return data_->put({key, replace, type}, std::move(filled));
}

shared_bytes local_session::map(object_id object) {
  return data_->map(object).bytes;
}

std::vector<shared_bytes> local_session::map_all(const std::vector<object_id>& objects) {
  return data_->map_all(objects);
}

shared_bytes local_session::find(const std::string& key, const type_label& type) {
  auto found = data_->find(key, type);
  return data_->map(found->id()).bytes;
}

void local_session::spread(object_id object) {
  data_->spread(object);
}

object_list local_session::objects() {
  return data_->list();
}

node_list local_session::nodes() {
  return data_->nodes();
}

void local_session::drop_key(const std::string& key) {
  data_->drop_key(key);
}

worker_list local_session::workers() {
  return crossing_->ask_and_wait<worker_list>(scheduler_, {}, "scheduler", list_workers{});
}

} // namespace daskify::internal
