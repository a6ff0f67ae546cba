#include "daskify/host/scheduler_process.hpp"

#include "daskify/code/code_address.hpp"
#include "daskify/config/user_folder.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/defaults.hpp"
#include "daskify/deploy/batch/batch_deployment.hpp"
#include "daskify/deploy/hosts/host_system.hpp"
#include "daskify/deploy/local/local_deployment.hpp"
#include "daskify/deploy/slurm/slurm_system.hpp"
#include "daskify/deploy/slurm/srun_deployment.hpp"
#include "daskify/deploy/standing/open_deployment.hpp"
#include "daskify/deploy/standing/standing_deployment.hpp"
#include "daskify/os/folder.hpp"
#include "daskify/os/free_memory.hpp"
#include "daskify/scheduler/scheduler_actor.hpp"
#include "daskify/store/directory_actor.hpp"
#include "daskify/store/spill_file.hpp"
#include "daskify/text/printable.hpp"
#include "daskify/transport/connect.hpp"
#include "daskify/transport/find_cluster.hpp"
#include "daskify/transport/secret.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace daskify::internal {

namespace {

/// The folder for session folders: for jobs a folder that other machines see, as they see most homes.
std::string session_base(const settings& options) {
  if (options.session_directory || !options.uses_other_machines())
    return options.session_directory.value_or("");
  auto base = user_folder("session_directory");
  make_folder(base, "session_directory");
  return base.string();
}

constexpr auto look_patience = std::chrono::seconds{3};

/// If the file system does not share locks between machines, the lock does not exclude schedulers on other machines.
session_folder claimed_folder(const settings& options) {
  auto folder = session_folder::claim(connection_directory(options));
  try {
    auto before = folder.read_connection();
    if (is_of_this_machine(before.owner))
      return folder; // its owner has ended, because the lock was free
    if (auto answer = find_reachable(before.addresses, look_patience); auto* found = std::get_if<reached>(&answer))
      throw cluster_error{error_code::already_started, "Another scheduler, at " + to_text(found->peer) +
                                                           ", has the connection_directory '" + folder.path().string() +
                                                           "'; end that one, or choose another folder for this one."};
  } catch (const cluster_error& e) {
    if (e.code() == error_code::already_started)
      throw;
    // There is no file, or no usable one.
  }
  return folder;
}

} // namespace

scheduler_process::scheduler_process(const settings& with, std::string program_name, cluster_kind kind)
    : settings_{with},
      kind_{kind},
      program_name_{std::move(program_name)},
      folder_{is_standing() ? claimed_folder(with) : session_folder::create(session_base(with))} {}

scheduler_process::~scheduler_process() {
  if (folder_of_workers_)
    folder_of_workers_->remove();
  folder_.remove();
  logs_.remove_if_empty();
}

void scheduler_process::start(caf::actor_system& system) {
  secret_ = random_hex(32);
  require_spill_folder();
  if (kind_ == cluster_kind::standing_with_workers)
    folder_of_workers_ = session_folder::create(session_base(settings_));
  session_folder::sweep_stale(own_folder().path().parent_path());
  store_limit_ = settings_.store_limit.value_or(share_for_stores(free_memory().bytes / settings_.nodes));
  deployment_ = make_deployment();
  start_actors(system);
  listen(system);
  deployment_->start();
}

/// The default was not requested, so an unusable one is no error until data have to be spilled.
void scheduler_process::require_spill_folder() const {
  auto spill = settings_.spill_folder();
  if (!spill || settings_.origin("spill_directory") == "default")
    return;
  if (auto why = why_no_spilling(*spill); !why.empty())
    throw config_error{error_code::bad_option_value,
                       "The spill_directory " + in_quotes(*spill) + " (" + settings_.origin("spill_directory") +
                           ") cannot be used: " + why + "; name a folder that you may write to, or none."};
}

bool scheduler_process::serves_other_machines() const {
  return (is_standing() && settings_.interface) || (kind_ != cluster_kind::standing && settings_.uses_other_machines());
}

/// The output of jobs is kept: it shows what went wrong while no user was watching.
bool scheduler_process::keeps_logs() const {
  return settings_.log_directory || (kind_ != cluster_kind::standing && settings_.uses_other_machines());
}

void scheduler_process::choose_log_folder() {
  if (!logs_.path.empty())
    return;
  if (keeps_logs())
    logs_ = make_log_folder(base_of_logs(settings_));
  else if (kind_ != cluster_kind::standing) // which starts no processes
    logs_.path = own_folder().path();
}

std::unique_ptr<deployment> scheduler_process::make_deployment() {
  choose_log_folder();
  if (kind_ == cluster_kind::standing)
    return std::make_unique<standing_deployment>();
  deployment_setup setup;
  setup.options = settings_;
  setup.session_folder = own_folder().path();
  setup.log_folder = logs_.path;
  setup.program_name = program_name_;
  setup.store_limit = store_limit_;
  auto tell = [this](auto message) { voice_->tell_if_open(scheduler_, std::move(message)); };
  setup.on_worker_exited = [tell](worker_exited what) { tell(std::move(what)); };
  setup.on_start_news = on_start_news_;
  setup.on_exhausted = [tell](const std::string& reason) { tell(workers_exhausted{reason}); };
  setup.on_node_unwanted = [tell](std::uint32_t slot) { tell(drain_node{slot}); };
  setup.on_node_time_left = [tell](std::uint32_t slot, std::chrono::milliseconds left) {
    tell(node_time_left{slot, static_cast<std::uint64_t>(std::max<std::int64_t>(left.count(), 0))});
  };
  setup.on_node_lost = [tell](std::uint32_t slot, error_code code, const std::string& how) {
    tell(node_lost{slot, code, how});
  };
  std::unique_ptr<deployment> own;
  if (settings_.is_on_slurm() && srun_deployment::is_in_allocation()) {
    own = std::make_unique<srun_deployment>(std::move(setup));
  } else if (settings_.is_on_slurm()) {
    auto slurm = std::make_unique<slurm_system>(setup.options, setup.session_folder, setup.log_folder, program_name_);
    own = std::make_unique<batch_deployment>(std::move(setup), std::move(slurm));
  } else if (settings_.mode == cluster_mode::hosts) {
    auto hosts = std::make_unique<host_system>(setup.options, setup.session_folder, setup.log_folder, program_name_);
    own = std::make_unique<batch_deployment>(std::move(setup), std::move(hosts));
  } else {
    auto local = std::make_unique<local_deployment>(std::move(setup));
    own_workers_ = local->size();
    own = std::move(local);
  }
  if (kind_ == cluster_kind::standing_with_workers)
    own = std::make_unique<open_deployment>(std::move(own));
  return own;
}

void scheduler_process::start_actors(caf::actor_system& system) {
  store_setup data;
  data.secret = secret_;
  data.limit = store_limit_;
  data.spill_directory = settings_.spill_folder();
  data.source_patience = settings_.heartbeat_timeout + tuning::source_grace;
  data.host = serves_other_machines() ? std::string{} : loopback;
  node_ = std::make_shared<node_store>(std::move(data));
  directory_ = spawn_directory(system);
  store_ = spawn_store(system, node_);

  scheduler_setup setup;
  setup.secret = secret_;
  if (kind_ == cluster_kind::of_one_program)
    setup.build_id = program_build_id();
  setup.heartbeat_interval = settings_.heartbeat_interval;
  setup.heartbeat_timeout = settings_.heartbeat_timeout;
  setup.start_timeout = settings_.start_timeout;
  setup.retries = settings_.retries;
  setup.max_lost = settings_.max_lost;
  setup.store = store_;
  setup.directory = directory_;
  setup.processes = deployment_.get();
  setup.on_end_wanted = on_end_wanted_;
  setup.mode = to_string(kind_ == cluster_kind::standing ? cluster_mode::connect : settings_.mode);
  setup.log_folder = logs_.path;
  if (kind_ == cluster_kind::standing_with_workers && !settings_.uses_other_machines()) {
    setup.first_free_node = static_cast<std::uint32_t>(settings_.nodes);
    setup.first_free_worker = static_cast<std::uint32_t>(own_workers_);
  }
  scheduler_ = spawn_scheduler(system, std::move(setup));
  voice_->open(system.spawn(client_behavior, client_events{[](const std::vector<object_id>&) {}, {}}));

  voice_->tell(store_, caf::actor_cast<directory_for_stores>(directory_));
  auto transfers = node_->transfers_at();
  voice_->ask_and_wait<node_admitted>(
      directory_, {}, "object directory",
      admit_node{kind_ == cluster_kind::standing ? host_name() : local_deployment::first_node_name(settings_),
                 transfers.host, transfers.port},
      caf::actor_cast<store_for_directory>(store_));
}

void scheduler_process::listen(caf::actor_system& system) {
  std::optional<std::string> listen_at = loopback;
  std::vector<std::string> hosts{loopback};
  if (serves_other_machines()) {
    auto interface = settings_.interface_name();
    hosts = addresses_to_publish(interface_addresses(), interface);
    listen_at = interface ? std::optional{hosts.front()} : std::nullopt;
  }
  auto asked = is_standing() ? static_cast<std::uint16_t>(settings_.port) : std::uint16_t{0};
  auto port = publish(system, caf::actor_cast<scheduler_for_clients>(scheduler_), "scheduler", listen_at, asked).port;
  if (listen_at)
    hosts.resize(1);
  for (auto& host : hosts)
    addresses_.push_back({std::move(host), port});
  connection where{random_hex(8), addresses_, secret_, this_process(), program_build_id()};
  folder_.publish(where);
  if (folder_of_workers_)
    folder_of_workers_->publish(where);
}

void scheduler_process::stop() noexcept {
  if (!deployment_)
    return;
  deployment_->stop_replacing();
  voice_->tell_if_open(scheduler_, stop_session{});
  deployment_->end_all();
  if (node_)
    node_->stop();
}

void scheduler_process::end_actors() noexcept {
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
