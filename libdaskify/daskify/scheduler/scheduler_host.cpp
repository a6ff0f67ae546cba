#include "daskify/scheduler/scheduler_host.hpp"

#include "daskify/defaults.hpp"
#include "daskify/deploy/local_deployment.hpp"
#include "daskify/program/code_address.hpp"
#include "daskify/scheduler/scheduler_actor.hpp"
#include "daskify/store/directory_actor.hpp"
#include "daskify/store/memory_room.hpp"
#include "daskify/transport/connect.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <filesystem>

namespace daskify::internal {

namespace {

std::string made_folder(const std::string& path) {
  std::error_code failed;
  std::filesystem::create_directories(path, failed);
  if (failed)
    throw cluster_error{error_code::session_failed, "The log_directory " + path + " cannot be made (" +
                                                        failed.message() + "); name a folder that you may write to."};
  return path;
}

} // namespace

scheduler_host::scheduler_host(const settings& with, std::string program_name)
    : settings_{with},
      program_name_{std::move(program_name)},
      folder_{session_folder::create(with.session_directory.value_or(""))} {}

scheduler_host::~scheduler_host() {
  folder_.remove();
}

void scheduler_host::start(caf::actor_system& system) {
  secret_ = random_hex(32);
  session_folder::sweep_stale(settings_.session_directory.value_or(""));
  auto share = tuning::store_share * static_cast<double>(free_memory().bytes) / static_cast<double>(settings_.nodes);
  store_limit_ = settings_.store_limit.value_or(std::max(limits::smallest_store, static_cast<std::uint64_t>(share)));
  deployment_ = make_deployment();
  start_actors(system);
  listen(system);
  deployment_->start();
  deployment_->wait_until_ready(settings_.start_timeout);
}

std::unique_ptr<deployment> scheduler_host::make_deployment() {
  deployment_setup setup;
  setup.options = settings_;
  setup.session_folder = folder_.path();
  setup.log_folder = settings_.log_directory ? made_folder(*settings_.log_directory) : setup.session_folder;
  setup.program_name = program_name_;
  setup.store_limit = store_limit_;
  setup.on_worker_exited = [this](worker_exited what) { voice_->tell_if_open(scheduler_, std::move(what)); };
  setup.on_exhausted = [this](const std::string& reason) {
    voice_->tell_if_open(scheduler_, workers_exhausted{reason});
  };
  return std::make_unique<local_deployment>(std::move(setup));
}

void scheduler_host::start_actors(caf::actor_system& system) {
  store_setup data;
  data.secret = secret_;
  data.limit = store_limit_;
  data.spill_directory = settings_.spill_folder();
  node_ = std::make_shared<node_store>(std::move(data));
  directory_ = system.spawn(directory_behavior);
  store_ = system.spawn(store_behavior, node_);

  scheduler_setup setup;
  setup.secret = secret_;
  setup.build_id = program_build_id();
  setup.heartbeat_interval = settings_.heartbeat_interval;
  setup.heartbeat_timeout = settings_.heartbeat_timeout;
  setup.retries = settings_.retries;
  setup.store = store_;
  setup.directory = directory_;
  setup.processes = deployment_.get();
  scheduler_ = system.spawn(scheduler_behavior, std::move(setup));
  voice_->open(system.spawn(client_behavior, [](const std::vector<object_id>&) {}));

  voice_->tell(store_, caf::actor_cast<directory_for_stores>(directory_));
  auto transfers = node_->transfers_at();
  voice_->ask_and_wait<node_admitted>(
      directory_, {}, "object directory",
      admit_node{local_deployment::first_node_name(settings_), transfers.host, transfers.port},
      caf::actor_cast<store_for_directory>(store_));
}

void scheduler_host::listen(caf::actor_system& system) {
  auto address = publish(system, caf::actor_cast<scheduler_for_workers>(scheduler_), "scheduler");
  folder_.publish({random_hex(8), {address}, secret_, this_process(), program_build_id()});
}

void scheduler_host::stop() noexcept {
  if (!deployment_)
    return;
  deployment_->stop_replacing();
  voice_->tell_if_open(scheduler_, stop_session{});
  deployment_->end_all();
  if (node_)
    node_->stop();
}

void scheduler_host::end_actors() noexcept {
  voice_->close();
  auto end = [](auto& actor) {
    if (actor)
      caf::anon_send_exit(actor, caf::exit_reason::kill);
    actor = nullptr;
  };
  end(voice_->speaker());
  end(scheduler_);
  end(store_);
  end(directory_);
}

} // namespace daskify::internal
