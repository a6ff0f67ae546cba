#include "daskify/deploy/local/local_deployment.hpp"

#include "daskify/defaults.hpp"
#include "daskify/error.hpp"
#include "daskify/launch/launch_variables.hpp"
#include "daskify/launch/worker_cpus.hpp"
#include "daskify/os/log_tail.hpp"
#include "daskify/os/notice.hpp"
#include "daskify/os/process_identity.hpp"

#include <algorithm>
#include <tuple>

namespace daskify::internal {

namespace {

std::string node_name(const settings& options, std::size_t node) {
  return options.nodes > 1 ? "node-" + std::to_string(node) : host_name();
}

} // namespace

std::string local_deployment::first_node_name(const settings& options) {
  return node_name(options, 0);
}

local_deployment::local_deployment(deployment_setup with)
    : setup_{std::move(with)},
      size_{setup_.options.size.value_or(std::max<std::size_t>(usable_cpus(), setup_.options.nodes))},
      working_fleets_{setup_.options.nodes > 1 ? 2U : 1U} {
  if (size_ < setup_.options.nodes)
    throw config_error{error_code::bad_option_value, "The option nodes is " + std::to_string(setup_.options.nodes) +
                                                         ", but there are only " + std::to_string(size_) +
                                                         " workers (size); each node needs one."};
  at_start_ = setup_.options.workers_at_start(size_);
  workers_ = fleet_of_workers();
  if (setup_.options.nodes > 1)
    nodes_ = fleet_of_nodes();
}

void local_deployment::start() {
  workers_->start();
  if (nodes_)
    nodes_->start();
}

void local_deployment::wait_until_ready() {
  try {
    wait_for_first(at_start_);
  } catch (const cluster_error& e) {
    bool goes_on = setup_.options.accept_fewer && workers_->count_enrolled() != 0;
    if (e.code() != error_code::start_timeout || !goes_on)
      throw;
  }
  is_up_ = true;
}

/// Waits for the workers of this node first, then for as many other nodes as have the remaining workers: a node enrols
/// with its workers, and all have about the same number.
void local_deployment::wait_for_first(std::size_t workers) {
  auto timeout = setup_.options.start_timeout;
  auto begin = std::chrono::steady_clock::now();
  auto own = workers_of(0).second;
  workers_->wait_enrolled(timeout, workers);
  if (!nodes_ || workers <= own)
    return;
  auto fewest = workers_of(setup_.options.nodes - 1).second;
  auto nodes = (workers - own + fewest - 1) / fewest;
  auto left = timeout - (std::chrono::steady_clock::now() - begin);
  nodes_->wait_enrolled(std::max(std::chrono::ceil<std::chrono::milliseconds>(left), std::chrono::milliseconds{1}),
                        nodes);
}

void local_deployment::worker_enrolled(const enrol_request& who) {
  workers_->enrolled(who.slot);
}

void local_deployment::worker_refused(const enrol_request& who, const std::string& reason) {
  workers_->refused(who.slot, reason);
}

void local_deployment::worker_silent(std::uint32_t slot, std::int32_t pid) {
  workers_->kill(slot, pid);
}

void local_deployment::node_ready(std::uint32_t slot) {
  if (nodes_)
    nodes_->enrolled(slot);
}

void local_deployment::node_refused(const join_node& who, const std::string& reason) {
  if (nodes_)
    nodes_->refused(who.slot, reason);
}

void local_deployment::node_silent(std::uint32_t slot, std::int32_t pid) {
  if (nodes_)
    nodes_->kill(slot, pid);
}

worker_prospect local_deployment::prospect() {
  worker_prospect now{size_, {}};
  auto none_of = [&](std::size_t workers, const local_fleet& fleet) {
    *now.most -= workers;
    now.why = fleet.problem();
  };
  if (auto workers = workers_->given_up().size(); workers != 0)
    none_of(workers, *workers_);
  if (nodes_)
    for (auto node : nodes_->given_up())
      none_of(workers_of(node).second, *nodes_);
  return now;
}

void local_deployment::stop_replacing() {
  workers_->stop_replacing();
  if (nodes_)
    nodes_->stop_replacing();
}

void local_deployment::end_all() {
  workers_->end_all(tuning::stop_grace);
  if (nodes_)
    nodes_->end_all(2 * tuning::stop_grace); // nodes give their own workers stop_grace
}

/// The first slot and the number of a node's workers.
std::pair<std::uint32_t, std::size_t> local_deployment::workers_of(std::size_t node) const {
  auto each = size_ / setup_.options.nodes;
  auto more = size_ % setup_.options.nodes; // the first nodes have one more
  return {static_cast<std::uint32_t>(node * each + std::min(node, more)), each + (node < more)};
}

/// The settings that the fleets of workers and nodes share.
local_fleet::setup local_deployment::fleet_setup() {
  local_fleet::setup fleet;
  fleet.program = setup_.options.worker_program.value_or("/proc/self/exe");
  fleet.name = setup_.options.worker_program.value_or(setup_.program_name);
  fleet.log_folder = setup_.log_folder;
  fleet.on_exhausted = [this](const std::string& reason) { fleet_exhausted(reason); };
  fleet.on_given_up = [this](const std::string& sentence) {
    if (is_up_ && setup_.options.progress != progress_style::off)
      notice("daskify: " + sentence);
  };
  return fleet;
}

std::unique_ptr<local_fleet> local_deployment::fleet_of_workers() {
  auto fleet = fleet_setup();
  auto shares = share_cpus(size_, setup_.options.pin); // shared with the workers of the other nodes
  fleet.environment = [this, cpus = shares.each()](std::uint32_t slot, const std::string& log_file) {
    return worker_environment(worker_launch{setup_.session_folder,
                                            slot,
                                            setup_.options.threads,
                                            log_file,
                                            first_node_name(setup_.options),
                                            {},
                                            setup_.options.load,
                                            cpus});
  };
  fleet.cpus = [shares](std::uint32_t slot) { return shares.bound(slot); };
  std::tie(fleet.first_slot, fleet.size) = workers_of(0);
  fleet.on_exit = [this](std::uint32_t slot, std::int32_t pid, const std::string& how, log_end log) {
    setup_.on_worker_exited({slot, pid, how, std::move(log.bytes), log.size});
  };
  return std::make_unique<local_fleet>(std::move(fleet));
}

std::unique_ptr<local_fleet> local_deployment::fleet_of_nodes() {
  auto fleet = fleet_setup();
  fleet.kind = "node";
  fleet.environment = [this, name = fleet.name](std::uint32_t slot, const std::string&) {
    auto launch = node_with(setup_.options);
    launch.session_folder = setup_.session_folder;
    launch.slot = slot;
    launch.name = node_name(setup_.options, slot);
    launch.program_name = name;
    launch.log_folder = setup_.log_folder;
    std::tie(launch.first_worker, launch.workers) = workers_of(slot);
    launch.store_limit = setup_.store_limit;
    launch.workers_here = size_;
    return to_environment(launch);
  };
  fleet.first_slot = 1;
  fleet.size = setup_.options.nodes - 1;
  fleet.on_exit = [](std::uint32_t, std::int32_t, const std::string&, log_end) {
    // The node's workers end with it, and its actors are monitored.
  };
  return std::make_unique<local_fleet>(std::move(fleet));
}

/// A fleet cannot start processes any more. Reported when neither workers nor nodes can be started.
void local_deployment::fleet_exhausted(const std::string& reason) {
  if (--working_fleets_ == 0)
    setup_.on_exhausted(reason);
}

} // namespace daskify::internal
