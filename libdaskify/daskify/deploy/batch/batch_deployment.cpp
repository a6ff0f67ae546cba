#include "daskify/deploy/batch/batch_deployment.hpp"

#include "daskify/defaults.hpp"
#include "daskify/deploy/batch/start_waiter.hpp"
#include "daskify/error.hpp"
#include "daskify/os/log_tail.hpp"
#include "daskify/os/notice.hpp"
#include "daskify/os/scope_exit.hpp"
#include "daskify/os/thread.hpp"
#include "daskify/progress/staffing_notice.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace daskify::internal {

namespace {

constexpr auto tick_interval = std::chrono::seconds{1};
/// Delay before a new node's job is queried, so that nodes that join together share a query.
constexpr auto settle_time = std::chrono::seconds{1};
/// After this delay, tell the user which command of the system we are waiting for.
constexpr auto silent_wait = std::chrono::seconds{5};

/// Ensures that text from another program ends with a full stop.
std::string full_stop(std::string sentence) {
  if (!sentence.empty() && std::string_view{".!?"}.find(sentence.back()) == std::string_view::npos)
    sentence += '.';
  return sentence;
}

fleet_settings fleet_for(const settings& options, const job_counts& counts, const batch_system& system) {
  fleet_settings fleet;
  fleet.size = counts.first;
  fleet.minimum = counts.minimum;
  fleet.maximum = counts.maximum;
  fleet.start_timeout = options.start_timeout;
  fleet.system = system.name();
  fleet.can_never_start = [&system](std::string_view reason) { return system.can_never_start(reason); };
  fleet.explain_reason = [&system](std::string_view reason) { return system.explain(reason); };
  return fleet;
}

} // namespace

batch_deployment::batch_deployment(deployment_setup with, std::unique_ptr<batch_system> system)
    : setup_{std::move(with)},
      system_{std::move(system)},
      counts_{job_counts_for(setup_.options)},
      at_start_{jobs_for(setup_.options, setup_.options.workers_at_start(counts_.maximum * setup_.options.processes))},
      core_{*this, fleet_for(setup_.options, counts_, *system_)} {
  system_->check(counts_.first); // an impossible request is reported before anything is started
}

batch_deployment::~batch_deployment() {
  stop_commands();
  ending_.request_stop();
  if (ticking_.joinable())
    ticking_.join();
}

/// Later requests of the core are ignored.
void batch_deployment::stop_commands() {
  asking_.request_stop();
  submitting_.request_stop();
  stopping_.request_stop();
  commands_.stop();
}

void batch_deployment::start() {
  watch_jobs();
  commands_.start();
  ticking_ = start_thread("daskify-jobs", [this] { tick(); });
  std::lock_guard guard{mutex_};
  core_.start(clock::now());
}

void batch_deployment::tick() {
  auto stop = ending_.get_token();
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested()) {
    changed_.wait_for(lock, stop, tick_interval, [] { return false; });
    auto now = clock::now();
    core_.tick(now);
    // A node does not know when its job ends; one query to the system answers that for all nodes.
    if (std::ranges::any_of(nodes_, [&](const auto& node) {
          return !node.second.knows_its_end && now - node.second.joined >= settle_time;
        }))
      core_.asked_why(now);
    if (auto text = news(now); !text.empty()) {
      lock.unlock(); // a terminal may block, and the scheduler must not wait for it
      notice(text);
      lock.lock();
    }
  }
}

/// Puts the name of the system in front of a sentence.
std::string batch_deployment::of_system(const std::string& sentence) const {
  return std::string{system_->name()} + ": " + sentence;
}

/// News for a user who waits for results: which jobs have failed, and that too few are at work. "": no news. REQUIRES:
/// the lock is held.
std::string batch_deployment::news(clock::time_point now) {
  if (starting_ || no_more_.stop_requested() || setup_.options.progress == progress_style::off)
    return {};
  std::string text;
  auto add_line = [&](const std::string& line) { text += (text.empty() || line.empty() ? "" : "\n") + line; };
  if (told_failure_ != last_failure_)
    add_line(of_system(told_failure_ = last_failure_));
  auto enough = is_adaptive() ? report_.wanted : counts_.first;
  auto there = report_.enrolled == 0 ? staffing::none : report_.enrolled < enough ? staffing::some : staffing::full;
  add_line(staffing_.take(now, there, of_system(report_.sentence)));
  add_line(new_explanations());
  return text;
}

/// Explanations of the reasons of pending jobs, each given once, as lines; "": none is new. REQUIRES: the lock is held.
std::string batch_deployment::new_explanations() {
  std::string text;
  for (const auto& [reason, jobs] : report_.reasons)
    if (system_->has_advice_on(reason) && explained_.insert(reason).second)
      text += (text.empty() ? "" : "\n") + of_system(reason + ": ") + full_stop(system_->explain(reason));
  return text;
}

void batch_deployment::wait_until_ready() {
  start_waiter waiter{setup_.options, at_start_, clock::now()};
  std::unique_lock lock{mutex_};
  scope_exit at_the_end{[this] { starting_ = false; }}; // while the lock is still held
  auto next = waiter.next(clock::now(), report_, ready());
  while (problem_.empty() && !no_more_.stop_requested() && next.what >= next.show) {
    if (next.what == next.wait)
      changed_.wait_until(lock, next.until);
    else
      show_report(waiter, lock);
    next = waiter.next(clock::now(), report_, ready());
  }
  if (!problem_.empty())
    throw cluster_error{error_code::worker_failed, problem_};
  if (no_more_.stop_requested())
    throw cluster_error{error_code::shut_down, "The cluster was ended while it was being started."};
  if (next.what == next.give_up && !(setup_.options.accept_fewer && ready() != 0))
    throw_late(ready());
}

/// The number of jobs whose workers are ready. REQUIRES: the lock is held.
std::size_t batch_deployment::ready() const {
  return static_cast<std::size_t>(std::ranges::count_if(nodes_, [](const auto& node) { return node.second.ready; }));
}

void batch_deployment::show_report(start_waiter& waiter, std::unique_lock<std::mutex>& lock) {
  auto sentence = report_.sentence;
  auto explanations = new_explanations();
  lock.unlock(); // a terminal may block
  setup_.on_start_news(of_system(sentence) + (explanations.empty() ? "" : "\n" + explanations));
  waiter.shown(clock::now(), std::move(sentence));
  lock.lock();
}

/// REQUIRES: the lock is held.
void batch_deployment::throw_late(std::size_t ready) const {
  auto over = report_.pending != 0 ? "start_timeout and queue_timeout were" : "start_timeout was";
  auto fewer = ready == 0 ? std::string{}
                          : ", and start_when waits for those of " + std::to_string(at_start_) +
                                ": lower it, or set accept_fewer to go on with those that are there, or";
  throw cluster_error{error_code::start_timeout,
                      "Only " + std::to_string(ready) + " of " + std::to_string(std::max(counts_.first, at_start_)) +
                          " jobs had their workers ready when " + over + " over" + (fewer.empty() ? ";" : fewer) +
                          " make the time longer. " + of_system(why_not_ready(clock::now()))};
}

/// REQUIRES: the lock is held.
std::string batch_deployment::why_not_ready(clock::time_point now) const {
  auto why = report_.sentence;
  if (auto command = commands_.running(); !command.name.empty() && now - command.since >= silent_wait)
    why += " " + command.name + " has not answered for " +
           std::to_string(std::chrono::floor<std::chrono::seconds>(now - command.since).count()) + " s.";
  if (why.find(last_failure_) == why.npos)
    why += " " + full_stop(last_failure_);
  for (const auto& [reason, jobs] : report_.reasons)
    if (auto meaning = system_->explain(reason); !meaning.empty())
      why += " " + reason + ": " + full_stop(meaning);
  return why;
}

// -- events of the scheduler --------------------------------------------------------------------------------

void batch_deployment::worker_refused(const enrol_request& who, const std::string& reason) {
  std::lock_guard guard{mutex_};
  fail(who.name + " on " + who.node + " was turned away because " + reason + ".");
}

void batch_deployment::node_refused(const join_node& who, const std::string& reason) {
  std::lock_guard guard{mutex_};
  fail("Job " + who.job + " (" + who.name + ") was turned away because " + reason + ".");
}

void batch_deployment::node_joined(std::uint32_t slot, const join_node& who) {
  std::lock_guard guard{mutex_};
  nodes_[slot] = {.unit = who.job, .joined = clock::now()};
}

void batch_deployment::node_ready(std::uint32_t slot) {
  std::lock_guard guard{mutex_};
  auto known = nodes_.find(slot);
  if (known == nodes_.end())
    return;
  // Not when the node joins: a job whose workers cannot start has failed, although its node had joined.
  known->second.ready = core_.node_enrolled(clock::now(), known->second.unit, node_id{slot}, std::nullopt);
  if (!known->second.ready)
    setup_.on_node_unwanted(slot);
  changed_.notify_all();
}

void batch_deployment::node_silent(std::uint32_t slot, std::int32_t) {
  // The node's process cannot be reached from here. It ends itself when it receives nothing from the scheduler.
  std::lock_guard guard{mutex_};
  core_.node_ended(clock::now(), node_id{slot}, departure::lost, "has been silent for the heartbeat_timeout");
}

void batch_deployment::node_leaving(std::uint32_t) {
  std::lock_guard guard{mutex_};
  core_.asked_why(clock::now());
}

void batch_deployment::node_drained(std::uint32_t slot) {
  std::lock_guard guard{mutex_};
  if (auto known = nodes_.find(slot); known != nodes_.end())
    known->second.said_goodbye = true;
}

void batch_deployment::node_left(std::uint32_t slot) {
  std::lock_guard guard{mutex_};
  auto gone = nodes_.extract(slot);
  if (gone.empty())
    return;
  if (gone.mapped().ready)
    core_.node_ended(clock::now(), node_id{slot}, gone.mapped().said_goodbye ? departure::left : departure::lost,
                     "closed its connection");
  else
    core_.asked_why(clock::now());
  changed_.notify_all();
}

std::optional<fleet_report> batch_deployment::jobs() {
  std::lock_guard guard{mutex_};
  return report_;
}

bool batch_deployment::is_adaptive() const {
  return setup_.options.minimum || setup_.options.maximum;
}

void batch_deployment::demand(std::uint64_t threads, std::uint64_t workers,
                              const std::vector<std::uint32_t>& idle_nodes) {
  auto each = setup_.options.processes * setup_.options.threads;
  auto jobs = std::max<std::uint64_t>(threads / each + (threads % each != 0), jobs_for(setup_.options, workers));
  std::lock_guard guard{mutex_};
  if (starting_)
    jobs = std::max<std::uint64_t>(jobs, at_start_);
  std::vector<std::string> idle;
  for (auto slot : idle_nodes)
    if (auto known = nodes_.find(slot); known != nodes_.end())
      idle.push_back(known->second.unit);
  core_.wanted(clock::now(), static_cast<std::size_t>(jobs), idle);
}

worker_prospect batch_deployment::prospect() {
  std::lock_guard guard{mutex_};
  auto jobs = core_.ceiling();
  return {jobs * setup_.options.processes,
          jobs < core_.largest() ? "Jobs were cancelled from outside, and are not replaced." : "",
          setup_.options.maximum ? "maximum" : "size"};
}

/// Also cancels pending jobs, because they would start as soon as the first jobs have ended.
void batch_deployment::stop_replacing() {
  {
    std::lock_guard guard{mutex_};
    if (!no_more_.request_stop() || !commands_.is_started())
      return;
    changed_.notify_all();  // ends wait_until_ready
    asking_.request_stop(); // so that a query that hangs does not delay a cancellation
    commands_.post("", [this] { cancel_pending_now(); });
  }
  commands_.wait_until_idle(clock::now() + tuning::stop_grace);
  submitting_.request_stop(); // likewise for a submission: cancel_all ends what it may have submitted
}

void batch_deployment::cancel_pending_now() {
  std::unique_lock lock{mutex_};
  auto units = core_.living();
  lock.unlock();
  try {
    system_->cancel_pending(units, stopping_.get_token());
  } catch (const error&) {
    // The jobs are cancelled again at the end, which reports errors.
  }
}

void batch_deployment::end_all() {
  if (!commands_.is_started()) // nothing was started
    return;
  {
    std::unique_lock lock{mutex_};
    // The nodes have been asked to stop; the job of a node that has left need not be cancelled.
    changed_.wait_for(lock, 2 * tuning::stop_grace, [this] { return nodes_.empty(); });
    core_.stop(clock::now());
  }
  auto all_done = commands_end_in_time();
  stop_commands();
  if (!all_done || has_doubts())
    cancel_all_now();
  else
    system_->release();
}

/// Returns whether the system has answered all commands in time. After a while a notice explains the delay.
bool batch_deployment::commands_end_in_time() {
  auto until = clock::now() + tuning::scancel_timeout;
  if (commands_.wait_until_idle(clock::now() + silent_wait))
    return true;
  if (setup_.options.progress != progress_style::off)
    notice(std::string{system_->name()} + " has not answered yet; to cancel the jobs may take up to " +
           std::to_string(std::chrono::ceil<std::chrono::seconds>(2 * tuning::scancel_timeout).count()) + " s.");
  return commands_.wait_until_idle(until);
}

/// Whether jobs may be left that were not cancelled.
bool batch_deployment::has_doubts() {
  std::lock_guard guard{mutex_};
  return in_doubt_ || !cancel_problem_.empty() || (has_submitted_ && !problem_.empty());
}

void batch_deployment::cancel_all_now() {
  if (auto why = system_->cancel_all(); !why.empty())
    say_not_cancelled(why, {});
}

/// `units`: empty for all.
void batch_deployment::say_not_cancelled(const std::string& why, const std::vector<std::string>& units) const {
  notice("daskify could not cancel jobs of " + std::string{system_->name()} + ": " + full_stop(why) +
         " Unless they have ended, cancel them by: " + system_->cancel_command(units));
}

// -- effects of the core ------------------------------------------------------------------------------------
// All functions here REQUIRE: the lock is held.

void batch_deployment::submit(submission_id request, std::size_t count) {
  commands_.post(system_->submit_command(), [this, request, count] { submit_now(request, count); });
}

void batch_deployment::query(const std::vector<std::string>& units) {
  commands_.post(system_->query_command(), [this, units] { query_now(units); });
}

void batch_deployment::cancel(const std::vector<std::string>& units) {
  commands_.post("", [this, units] { cancel_now(units); });
}

void batch_deployment::drain(const std::string&, node_id node) {
  setup_.on_node_unwanted(static_cast<std::uint32_t>(node.value));
}

void batch_deployment::node_gone(const node_end& what) {
  if (what.cause == end_cause::superseded) // the node may be alive
    setup_.on_node_unwanted(static_cast<std::uint32_t>(what.node.value));
  if (what.by_infrastructure)
    setup_.on_node_lost(static_cast<std::uint32_t>(what.node.value),
                        what.cause == end_cause::timed_out ? error_code::worker_walltime : error_code::worker_node_lost,
                        what.text);
  else
    keep_last_words({what.unit}, what.text);
}

void batch_deployment::failed_start(const std::vector<std::string>& units, const std::string& sentence) {
  keep_last_words(units, sentence);
}

/// Keeps the last output of jobs that ended by themselves.
void batch_deployment::keep_last_words(const std::vector<std::string>& units, const std::string& sentence) {
  commands_.post("", [this, units, sentence] {
    std::string output; // on a file system that may be slow
    for (auto unit = units.begin(); unit != units.end() && output.empty(); ++unit)
      output = log_tail(system_->log_of(*unit), tuning::shown_lines);
    std::lock_guard guard{mutex_};
    last_failure_ = sentence + (output.empty() ? "" : " Its last output: " + output);
    // Other jobs may still start; the start fails only if no node is connected.
    if (nodes_.empty())
      fail(last_failure_);
  });
}

/// Reported on the command thread, after earlier failures.
void batch_deployment::exhausted(const std::string& sentence) {
  commands_.post("", [this, sentence] {
    std::unique_lock lock{mutex_};
    if (no_more_.stop_requested()) // the jobs end because the cluster does
      return;
    fail(sentence);
    lock.unlock();
    setup_.on_exhausted(sentence);
  });
}

void batch_deployment::report(const fleet_report& now) {
  report_ = now;
  changed_.notify_all();
}

void batch_deployment::fail(const std::string& sentence) {
  if (problem_.empty())
    problem_ = sentence;
  changed_.notify_all();
}

// -- the batch system -------------------------------------------------------------------------------------
// Called on the command thread, without the lock.

void batch_deployment::submit_now(submission_id request, std::size_t count) {
  submission_result result{{}, "the cluster is being shut down"};
  if (!no_more_.stop_requested()) {
    watch_jobs();
    result = system_->submit(count, no_more_.get_token(), submitting_.get_token());
  }
  std::lock_guard guard{mutex_};
  in_doubt_ = in_doubt_ || result.in_doubt;
  if (!result.units.empty()) {
    has_submitted_ = true;
    core_.submitted(clock::now(), request, result.units);
  } else {
    if (result.permanent)
      fail(result.refusal);
    core_.submit_failed(clock::now(), request, result.refusal, result.permanent);
  }
}

/// A missing guard is no error: it matters only if this process does not end normally.
void batch_deployment::watch_jobs() {
  try {
    system_->guard();
  } catch (const error& e) {
    notice("daskify: the jobs will not be cancelled if this program is killed: " + std::string{e.what()});
  }
}

void batch_deployment::query_now(const std::vector<std::string>& units) {
  auto asked = clock::now();
  try {
    auto answer = system_->query(units, asking_.get_token());
    std::lock_guard guard{mutex_};
    core_.statuses(clock::now(), answer);
    tell_ends(answer, asked);
  } catch (const error& e) {
    std::lock_guard guard{mutex_};
    core_.query_failed(clock::now(), e.what());
  }
}

void batch_deployment::tell_ends(const std::vector<job_status>& answer, clock::time_point asked) {
  for (auto& [slot, node] : nodes_) {
    if (node.joined > asked) // the answer may be about the job before it was requeued
      continue;
    auto found = std::ranges::find(answer, node.unit, &job_status::id);
    // A pending job is being requeued; this node belongs to its previous run.
    if (found == answer.end() || found->state == job_state::pending)
      continue;
    node.knows_its_end = true;
    if (found->time_left)
      setup_.on_node_time_left(slot, *found->time_left);
  }
}

void batch_deployment::cancel_now(const std::vector<std::string>& units) {
  try {
    if (!system_->cancel(units, stopping_.get_token()))
      return;
    std::lock_guard guard{mutex_};
    cancel_problem_.clear();
  } catch (const error& e) {
    std::unique_lock lock{mutex_};
    cancel_problem_ = e.what();
    if (no_more_.stop_requested())
      return; // the cancellation is retried at the end, which reports errors
    lock.unlock();
    say_not_cancelled(e.what(), units);
  }
}

} // namespace daskify::internal
