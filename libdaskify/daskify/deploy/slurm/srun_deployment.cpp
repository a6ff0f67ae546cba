#include "daskify/deploy/slurm/srun_deployment.hpp"

#include "daskify/defaults.hpp"
#include "daskify/deploy/batch/job_counts.hpp"
#include "daskify/deploy/batch/node_in_job.hpp"
#include "daskify/deploy/slurm/slurm_commands.hpp"
#include "daskify/deploy/slurm/slurm_text.hpp"
#include "daskify/error.hpp"
#include "daskify/launch/slurm_variables.hpp"
#include "daskify/os/child_process.hpp"
#include "daskify/os/log_tail.hpp"
#include "daskify/os/spawn.hpp"
#include "daskify/os/start_process.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

namespace daskify::internal {

namespace {

std::string_view variable(const char* name) {
  const auto* text = std::getenv(name);
  return text ? text : "";
}

/// The number of tasks that was requested, else the number that fits.
std::size_t tasks_of_allocation() {
  auto text = variable("SLURM_NTASKS"); // set only if the number was requested
  std::size_t tasks = 0;
  std::from_chars(text.data(), text.data() + text.size(), tasks);
  if (tasks == 0)
    tasks = sum_of_tasks(variable("SLURM_TASKS_PER_NODE")).value_or(0);
  return std::max<std::size_t>(tasks, 1);
}

std::string cpus_per_task() {
  auto text = variable("SLURM_CPUS_PER_TASK");
  return text.empty() ? "1" : std::string{text};
}

} // namespace

srun_deployment::srun_deployment(deployment_setup with)
    : setup_{std::move(with)},
      size_{setup_.options.size ? jobs_for(setup_.options, *setup_.options.size) : tasks_of_allocation()},
      at_start_{jobs_for(setup_.options, setup_.options.workers_at_start(size_ * setup_.options.processes))},
      watcher_{[this](child_id, const exit_status& status) { srun_ended(status); }} {}

bool srun_deployment::is_in_allocation() {
  return !variable("SLURM_JOB_ID").empty();
}

void srun_deployment::start() {
  auto program = program_on_nodes(setup_.options);
  // The end of a node or machine ends no other node. The step shares the allocation with the step that this program may
  // itself run in.
  std::vector<std::string> words{"srun",
                                 "--ntasks=" + std::to_string(size_),
                                 "--cpus-per-task=" + cpus_per_task(), // srun does not inherit this from the job
                                 "--overlap",
                                 "--export=ALL",
                                 "--kill-on-bad-exit=0",
                                 "--wait=0",
                                 "--no-kill",
                                 program};
  auto node = node_in_job(setup_.options, setup_.session_folder, setup_.log_folder, setup_.program_name);
  node.in_step = true;
  auto left = time_left_of_own_job("daskify");
  std::lock_guard guard{mutex_};
  if (left)
    end_ = clock::now() + *left;
  running_ = true;
  watcher_.watch(
      spawn({"srun", std::move(words), to_environment(node), setup_.log_folder + "/srun.log", search::in_PATH}));
}

void srun_deployment::wait_until_ready() {
  std::unique_lock lock{mutex_};
  auto ready = [this] {
    return static_cast<std::size_t>(std::ranges::count_if(nodes_, [](const auto& node) { return node.second; }));
  };
  changed_.wait_for(lock, setup_.options.start_timeout,
                    [&] { return !problem_.empty() || stopping_ || ready() >= at_start_; });
  if (!problem_.empty())
    throw cluster_error{error_code::worker_failed, problem_};
  if (stopping_)
    throw cluster_error{error_code::shut_down, "The cluster was ended while it was being started."};
  if (ready() >= at_start_ || (setup_.options.accept_fewer && ready() != 0))
    return;
  auto output = log_tail(setup_.log_folder + "/srun.log", tuning::shown_lines);
  throw cluster_error{error_code::start_timeout,
                      "Only " + std::to_string(ready()) + " of " + std::to_string(size_) +
                          " nodes in this allocation had their workers ready when start_timeout was over; make it "
                          "longer, wait for fewer (start_when), ask for fewer (size), or look at what srun printed: " +
                          (output.empty() ? "nothing" : output)};
}

void srun_deployment::worker_refused(const enrol_request& who, const std::string& reason) {
  fail(who.name + " on " + who.node + " was turned away because " + reason + ".");
}

void srun_deployment::node_refused(const join_node& who, const std::string& reason) {
  fail(who.name + " was turned away because " + reason + ".");
}

void srun_deployment::node_joined(std::uint32_t slot, const join_node&) {
  std::lock_guard guard{mutex_};
  nodes_[slot] = false;
  has_started_ = true;
  if (end_)
    setup_.on_node_time_left(slot, std::chrono::ceil<std::chrono::milliseconds>(*end_ - clock::now()));
}

void srun_deployment::node_ready(std::uint32_t slot) {
  {
    std::lock_guard guard{mutex_};
    if (auto known = nodes_.find(slot); known != nodes_.end())
      known->second = true;
  }
  changed_.notify_all();
}

void srun_deployment::node_left(std::uint32_t slot) {
  {
    std::lock_guard guard{mutex_};
    lost_ += nodes_.erase(slot);
  }
  changed_.notify_all();
}

worker_prospect srun_deployment::prospect() {
  std::lock_guard guard{mutex_};
  auto nodes = running_ ? size_ - std::min(lost_, size_) : nodes_.size();
  auto each = setup_.options.processes;
  if (nodes == size_)
    return {nodes * each, {}};
  return {nodes * each, std::to_string(size_ - nodes) + " of " + std::to_string(size_) +
                            " nodes in this allocation have ended, and are not replaced." +
                            (problem_.empty() ? "" : " " + problem_)};
}

void srun_deployment::srun_ended(const exit_status& status) {
  auto output = log_tail(setup_.log_folder + "/srun.log", tuning::shown_lines);
  auto sentence = "srun " + explain(status) + "; its last output: " + (output.empty() ? "none" : output);
  bool unexpected = false;
  {
    std::lock_guard guard{mutex_};
    running_ = false;
    unexpected = !stopping_;
    if (auto tasks = tasks_of_allocation(); !has_started_ && size_ > tasks)
      sentence += "; size asks for " + std::to_string(size_) + " nodes in an allocation of " + std::to_string(tasks) +
                  ": leave it out, or ask SLURM for more tasks (--ntasks).";
    if (unexpected && problem_.empty())
      problem_ = sentence;
  }
  changed_.notify_all();
  if (unexpected)
    setup_.on_exhausted(sentence);
}

void srun_deployment::fail(const std::string& sentence) {
  {
    std::lock_guard guard{mutex_};
    if (problem_.empty())
      problem_ = sentence;
  }
  changed_.notify_all();
}

void srun_deployment::stop_replacing() {
  {
    std::lock_guard guard{mutex_};
    stopping_ = true;
  }
  changed_.notify_all();
}

void srun_deployment::end_all() {
  {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, 2 * tuning::stop_grace, [this] { return !running_; });
  }
  watcher_.end_all(tuning::stop_grace);
}

} // namespace daskify::internal
