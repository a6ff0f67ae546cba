#include "daskify/deploy/slurm/slurm_deployment.hpp"

#include "daskify/defaults.hpp"
#include "daskify/deploy/batch/start_deadline.hpp"
#include "daskify/deploy/slurm/slurm_advice.hpp"
#include "daskify/deploy/slurm/slurm_text.hpp"
#include "daskify/error.hpp"
#include "daskify/os/log_tail.hpp"
#include "daskify/os/notice.hpp"
#include "daskify/os/thread.hpp"
#include "daskify/progress/staffing_notice.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace daskify::internal {

namespace {

constexpr auto tick_interval = std::chrono::seconds{1};
/// Nodes that come together are asked about together.
constexpr auto settle_time = std::chrono::seconds{1};
/// What changes faster is left out.
constexpr auto line_interval = std::chrono::milliseconds{250};
/// After this delay, tell the user which SLURM command we are waiting for.
constexpr auto silent_wait = std::chrono::seconds{5};

/// The job that a unit is in, or, of an array, the array: what squeue takes and what tells arrays from each other.
std::string job_of(const std::string& unit) {
  return unit.substr(0, unit.find_first_of("_."));
}

/// Ensures that text from another program ends with a full stop.
std::string full_stop(std::string sentence) {
  if (!sentence.empty() && std::string_view{".!?"}.find(sentence.back()) == std::string_view::npos)
    sentence += '.';
  return sentence;
}

/// Of several units: what scancel takes for them all.
std::set<std::string> jobs_of(const std::vector<std::string>& units) {
  std::set<std::string> jobs;
  for (const auto& unit : units)
    jobs.insert(job_of(unit));
  return jobs;
}

bool is_part_of_allocation(const std::string& unit) {
  return unit.find('.') != unit.npos;
}

fleet_settings fleet_for(const settings& options, const job_counts& counts) {
  fleet_settings fleet;
  fleet.size = counts.first;
  fleet.minimum = counts.minimum;
  fleet.maximum = counts.maximum;
  fleet.start_timeout = options.start_timeout;
  fleet.can_never_start = can_never_start;
  fleet.explain_reason = [options](std::string_view reason) { return explain_with_advice(reason, options); };
  return fleet;
}

} // namespace

slurm_deployment::slurm_deployment(deployment_setup with)
    : setup_{std::move(with)},
      counts_{job_counts_for(setup_.options)},
      at_start_{jobs_for(setup_.options, setup_.options.workers_at_start(counts_.maximum * setup_.options.processes))},
      core_{*this, fleet_for(setup_.options, counts_)},
      guard_{job_name(setup_.session_folder), setup_.session_folder, setup_.log_folder + "/scancel.log"} {
  // Whatever cannot be written is said before anything is started.
  static_cast<void>(job_script(
      request_for(setup_.options, counts_.first, setup_.session_folder, setup_.log_folder, setup_.program_name)));
}

slurm_deployment::~slurm_deployment() {
  stop_commands();
  ending_.request_stop();
  if (ticking_.joinable())
    ticking_.join();
}

/// What the core wants from here on is not done.
void slurm_deployment::stop_commands() {
  asking_.request_stop();
  submitting_.request_stop();
  stopping_.request_stop();
  std::unique_lock lock{mutex_};
  auto ending = std::move(commands_);
  lock.unlock(); // its thread wants it
}

/// `waits_for`: the command of SLURM's that a start waits for; "" for all others.
void slurm_deployment::post(const char* waits_for, std::function<void()> command) {
  if (!commands_)
    return;
  ++under_way_;
  commands_->post([this, waits_for, run = std::move(command)] {
    {
      std::lock_guard guard{mutex_};
      awaited_ = {waits_for, clock::now()};
    }
    run();
    std::lock_guard guard{mutex_};
    awaited_ = {};
    --under_way_;
    changed_.notify_all();
  });
}

void slurm_deployment::start() {
  watch_jobs();
  commands_ = std::make_unique<serial_executor>();
  ticking_ = start_thread("daskify-slurm", [this] { tick(); });
  std::lock_guard guard{mutex_};
  core_.start(clock::now());
}

void slurm_deployment::tick() {
  auto stop = ending_.get_token();
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested()) {
    changed_.wait_for(lock, stop, tick_interval, [] { return false; });
    auto now = clock::now();
    core_.tick(now);
    // No node knows when its job ends, but SLURM does: for all of them by one question.
    if (std::ranges::any_of(nodes_, [&](const auto& node) {
          return !node.second.knows_its_end && now - node.second.joined >= settle_time;
        }))
      core_.asked_why(now);
    if (auto text = news(now); !text.empty()) {
      lock.unlock(); // a terminal may take its time, and the scheduler must not wait for it
      notice(text);
      lock.lock();
    }
  }
}

/// What somebody who waits for results should know: which jobs have failed, and that too few are at work. "" for
/// nothing new. REQUIRES: the lock is held.
std::string slurm_deployment::news(clock::time_point now) {
  if (starting_ || !replacing_ || setup_.options.progress == progress_style::off)
    return {};
  std::string text;
  auto add_line = [&](const std::string& line) { text += (text.empty() || line.empty() ? "" : "\n") + line; };
  if (told_failure_ != last_failure_)
    add_line("SLURM: " + (told_failure_ = last_failure_));
  auto enough = is_adaptive() ? report_.wanted : counts_.first;
  auto there = report_.enrolled == 0 ? staffing::none : report_.enrolled < enough ? staffing::some : staffing::full;
  add_line(staffing_.take(now, there, "SLURM: " + report_.sentence));
  add_line(new_explanations());
  return text;
}

/// What helps against the reasons for which jobs wait, each said once; lines, "" for nothing new. REQUIRES: the lock is
/// held.
std::string slurm_deployment::new_explanations() {
  std::string text;
  for (const auto& [reason, jobs] : report_.reasons)
    if (!advice_on(reason, setup_.options).empty() && explained_.insert(reason).second)
      text += (text.empty() ? "" : "\n") + ("SLURM: " + reason + ": ") +
              full_stop(explain_with_advice(reason, setup_.options));
  return text;
}

void slurm_deployment::wait_until_ready() {
  start_deadline deadline{setup_.options, clock::now()};
  std::unique_lock lock{mutex_};
  struct end_of_start {
    bool& starting;
    ~end_of_start() { starting = false; }
  } at_the_end{starting_}; // while the lock is still held
  auto ready = [this] {
    return static_cast<std::size_t>(std::ranges::count_if(nodes_, [](const auto& node) { return node.second.ready; }));
  };
  std::string shown;
  auto next_line = clock::now() + line_interval;
  while (problem_.empty() && replacing_ && ready() < at_start_) {
    auto now = clock::now();
    auto latest = deadline.when(report_.pending, ready(), now);
    if (now >= latest)
      break;
    bool is_new = report_.sentence != shown && setup_.options.progress != progress_style::off;
    if (!is_new || now < next_line) {
      changed_.wait_until(lock, is_new ? std::min(next_line, latest) : latest);
      continue;
    }
    shown = report_.sentence;
    auto explanations = new_explanations();
    lock.unlock();
    notice("SLURM: " + shown + (explanations.empty() ? "" : "\n" + explanations));
    lock.lock();
    next_line = clock::now() + line_interval;
  }
  if (!problem_.empty())
    throw cluster_error{error_code::worker_failed, problem_};
  if (!replacing_)
    throw cluster_error{error_code::shut_down, "The cluster was ended while it was being started."};
  if (ready() < at_start_ && !(setup_.options.accept_fewer && ready() != 0))
    throw_late(ready());
}

/// REQUIRES: the lock is held.
void slurm_deployment::throw_late(std::size_t ready) const {
  auto over = report_.pending != 0 ? "start_timeout and queue_timeout were" : "start_timeout was";
  auto fewer = ready == 0 ? std::string{}
                          : ", and start_when waits for those of " + std::to_string(at_start_) +
                                ": lower it, or set accept_fewer to go on with those that are there, or";
  throw cluster_error{error_code::start_timeout,
                      "Only " + std::to_string(ready) + " of " + std::to_string(std::max(counts_.first, at_start_)) +
                          " jobs had their workers ready when " + over + " over" + (fewer.empty() ? ";" : fewer) +
                          " make the time longer. SLURM: " + why_not_ready(clock::now())};
}

/// REQUIRES: the lock is held.
std::string slurm_deployment::why_not_ready(clock::time_point now) const {
  auto why = report_.sentence;
  if (!awaited_.name.empty() && now - awaited_.since >= silent_wait)
    why += " " + awaited_.name + " has not answered for " +
           std::to_string(std::chrono::floor<std::chrono::seconds>(now - awaited_.since).count()) + " s.";
  if (why.find(last_failure_) == why.npos)
    why += " " + full_stop(last_failure_);
  for (const auto& [reason, jobs] : report_.reasons)
    if (auto meaning = explain_with_advice(reason, setup_.options); !meaning.empty())
      why += " " + reason + ": " + full_stop(meaning);
  return why;
}

// -- what the scheduler says --------------------------------------------------------------------------------

void slurm_deployment::worker_refused(const enrol_request& who, const std::string& reason) {
  std::lock_guard guard{mutex_};
  fail(who.name + " on " + who.node + " was turned away because " + reason + ".");
}

void slurm_deployment::node_refused(const join_node& who, const std::string& reason) {
  std::lock_guard guard{mutex_};
  fail("Job " + who.job + " (" + who.name + ") was turned away because " + reason + ".");
}

void slurm_deployment::node_joined(std::uint32_t slot, const join_node& who) {
  std::lock_guard guard{mutex_};
  nodes_[slot] = {.unit = who.job, .joined = clock::now()};
}

void slurm_deployment::node_ready(std::uint32_t slot) {
  std::lock_guard guard{mutex_};
  auto known = nodes_.find(slot);
  if (known == nodes_.end())
    return;
  // Not before: a job whose workers cannot start has failed, although its node had joined.
  known->second.ready = core_.node_enrolled(clock::now(), known->second.unit, node_id{slot}, std::nullopt);
  if (!known->second.ready)
    setup_.on_node_unwanted(slot);
  changed_.notify_all();
}

void slurm_deployment::node_silent(std::uint32_t slot, std::int32_t) {
  // Its process cannot be reached from here. It ends itself when it hears nothing of the scheduler.
  std::lock_guard guard{mutex_};
  core_.node_ended(clock::now(), node_id{slot}, departure::lost, "has been silent for the heartbeat_timeout");
}

void slurm_deployment::node_leaving(std::uint32_t) {
  std::lock_guard guard{mutex_};
  core_.asked_why(clock::now());
}

void slurm_deployment::node_drained(std::uint32_t slot) {
  std::lock_guard guard{mutex_};
  if (auto known = nodes_.find(slot); known != nodes_.end())
    known->second.said_goodbye = true;
}

void slurm_deployment::node_left(std::uint32_t slot) {
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

std::optional<fleet_report> slurm_deployment::jobs() {
  std::lock_guard guard{mutex_};
  return report_;
}

bool slurm_deployment::is_adaptive() const {
  return setup_.options.minimum || setup_.options.maximum;
}

void slurm_deployment::demand(std::uint64_t threads, std::uint64_t workers,
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

worker_prospect slurm_deployment::prospect() {
  std::lock_guard guard{mutex_};
  auto jobs = core_.ceiling();
  return {jobs * setup_.options.processes,
          jobs < core_.largest() ? "Somebody has cancelled jobs, and those are not replaced." : "",
          setup_.options.maximum ? "maximum" : "size"};
}

/// Jobs that wait would start as soon as the first ones have ended.
void slurm_deployment::stop_replacing() {
  std::unique_lock lock{mutex_};
  if (!std::exchange(replacing_, false) || !commands_)
    return;
  changed_.notify_all();  // whoever waits for the start
  asking_.request_stop(); // lest a squeue that hangs holds up scancel
  post("", [this] {
    std::unique_lock pending{mutex_};
    auto jobs = jobs_of(core_.living());
    pending.unlock();
    try {
      slurm_commands{tuning::slurm_timeout, stopping_.get_token()}.cancel_pending({jobs.begin(), jobs.end()});
    } catch (const error&) {
      // They are cancelled once more at the end, and what is wrong is said then.
    }
  });
  changed_.wait_for(lock, tuning::stop_grace, [this] { return under_way_ == 0; });
  submitting_.request_stop(); // nor an sbatch that hangs; what it may have submitted has our name
}

void slurm_deployment::end_all() {
  if (!commands_) // nothing was started
    return;
  {
    std::unique_lock lock{mutex_};
    // The nodes have been told to stop; one that has left needs no scancel.
    changed_.wait_for(lock, 2 * tuning::stop_grace, [this] { return nodes_.empty(); });
    core_.stop(clock::now());
    auto until = clock::now() + tuning::scancel_timeout;
    auto is_done = [this] { return under_way_ == 0; };
    if (!changed_.wait_for(lock, silent_wait, is_done) && setup_.options.progress != progress_style::off) {
      lock.unlock();
      notice("SLURM has not answered yet; to cancel the jobs may take up to " +
             std::to_string(std::chrono::ceil<std::chrono::seconds>(2 * tuning::scancel_timeout).count()) + " s.");
      lock.lock();
    }
    auto all_done = changed_.wait_until(lock, until, is_done);
    in_doubt_ = in_doubt_ || !all_done || !cancel_problem_.empty() || (has_submitted_ && !problem_.empty());
  }
  stop_commands();
  if (!in_doubt_)
    guard_.release();
  else if (auto why = guard_.fire(); !why.empty())
    say_not_cancelled(why, " --name=" + job_name(setup_.session_folder));
}

void slurm_deployment::say_not_cancelled(const std::string& why, const std::string& jobs) {
  notice("daskify could not cancel jobs of SLURM: " + full_stop(why) +
         " Unless they have ended, cancel them by: scancel" + jobs);
}

// -- what the core wants ------------------------------------------------------------------------------------
// REQUIRES, of all: the lock is held.

void slurm_deployment::submit(submission_id request, std::size_t count) {
  post("sbatch", [this, request, count] {
    std::vector<std::string> units;
    std::string refused = "the cluster is being shut down";
    bool permanent = false;
    if (is_replacing())
      try {
        watch_jobs();
        units = submit_now(count);
      } catch (const slurm_refusal& e) {
        refused = with_advice(e, setup_.options);
        permanent = !may_be_taken_in_parts(e.words());
      } catch (const error& e) {
        refused = e.what();
        permanent = e.code() != error_code::slurm_silent && e.code() != error_code::command_failed &&
                    e.code() != error_code::shut_down;
        doubt(e);
      }
    std::lock_guard guard{mutex_};
    if (!units.empty()) {
      has_submitted_ = true;
      core_.submitted(clock::now(), request, units);
    } else {
      if (permanent)
        fail(refused);
      core_.submit_failed(clock::now(), request, refused, permanent);
    }
  });
}

void slurm_deployment::query(const std::vector<std::string>& units) {
  post("squeue", [this, units] { query_now(units); });
}

void slurm_deployment::cancel(const std::vector<std::string>& units) {
  post("", [this, units] { cancel_now(units); });
}

void slurm_deployment::drain(const std::string&, node_id node) {
  setup_.on_node_unwanted(static_cast<std::uint32_t>(node.value));
}

void slurm_deployment::node_gone(const node_end& what) {
  if (what.cause == end_cause::superseded) // it may be alive
    setup_.on_node_unwanted(static_cast<std::uint32_t>(what.node.value));
  if (what.by_infrastructure)
    setup_.on_node_lost(static_cast<std::uint32_t>(what.node.value),
                        what.cause == end_cause::timed_out ? error_code::worker_walltime : error_code::worker_node_lost,
                        what.text);
  else
    keep_last_words({what.unit}, what.text);
}

void slurm_deployment::failed_start(const std::vector<std::string>& units, const std::string& sentence) {
  keep_last_words(units, sentence);
}

/// Of jobs that ended by themselves.
void slurm_deployment::keep_last_words(const std::vector<std::string>& units, const std::string& sentence) {
  post("", [this, units, sentence] {
    std::string output; // on a file system that may be slow
    for (auto unit = units.begin(); unit != units.end() && output.empty(); ++unit)
      output = log_tail(log_of(*unit), tuning::shown_lines);
    std::lock_guard guard{mutex_};
    last_failure_ = sentence + (output.empty() ? "" : " Its last output: " + output);
    // Others may start all the same, but where none has there is nothing to hope for.
    if (nodes_.empty())
      fail(last_failure_);
  });
}

/// Said after what has failed before.
void slurm_deployment::exhausted(const std::string& sentence) {
  post("", [this, sentence] {
    std::unique_lock lock{mutex_};
    if (!replacing_) // the jobs end because the cluster does
      return;
    fail(sentence);
    lock.unlock();
    setup_.on_exhausted(sentence);
  });
}

void slurm_deployment::report(const fleet_report& now) {
  report_ = now;
  changed_.notify_all();
}

void slurm_deployment::fail(const std::string& sentence) {
  if (problem_.empty())
    problem_ = sentence;
  changed_.notify_all();
}

// -- SLURM --------------------------------------------------------------------------------------------------
// On the thread for commands, without the lock.

/// What sbatch was to submit may be there, although it has not said so.
void slurm_deployment::doubt(const error& why) {
  if (why.code() != error_code::slurm_silent && why.code() != error_code::shut_down)
    return;
  std::lock_guard guard{mutex_};
  in_doubt_ = true;
}

bool slurm_deployment::is_replacing() {
  std::lock_guard guard{mutex_};
  return replacing_;
}

std::vector<std::string> slurm_deployment::submit_now(std::size_t count) {
  slurm_commands slurm{tuning::slurm_timeout, submitting_.get_token()};
  auto script =
      job_script(request_for(setup_.options, count, setup_.session_folder, setup_.log_folder, setup_.program_name));
  std::vector<std::string> units;
  switch (setup_.options.job_shape) {
  case job_shape::array: {
    auto array = slurm.submit(script, guard_.kept_open());
    for (std::size_t i = 0; i < count; ++i)
      units.push_back(array + "_" + std::to_string(i));
    break;
  }
  case job_shape::separate:
    while (units.size() < count && is_replacing()) {
      try {
        units.push_back(slurm.submit(script, guard_.kept_open()));
      } catch (const error& e) {
        if (units.empty())
          throw;
        doubt(e);
        break; // the core asks for what is missing
      }
    }
    break;
  case job_shape::allocation: {
    auto job = slurm.submit(script, guard_.kept_open());
    for (std::size_t i = 0; i < count; ++i)
      units.push_back(job + "." + std::to_string(i));
    std::lock_guard guard{mutex_};
    allocations_[job].size = count;
    break;
  }
  }
  return units;
}

/// Without a guard all goes well as long as this process ends as it should.
void slurm_deployment::watch_jobs() {
  try {
    guard_.watch();
  } catch (const error& e) {
    notice("daskify: nobody will cancel the jobs if this program is killed: " + std::string{e.what()});
  }
}

void slurm_deployment::query_now(const std::vector<std::string>& units) {
  auto jobs = jobs_of(units);
  auto asked = clock::now();
  try {
    slurm_commands slurm{tuning::slurm_timeout, asking_.get_token()};
    auto answer = statuses_of(units, slurm.query({jobs.begin(), jobs.end()}, std::string{squeue_format}));
    std::lock_guard guard{mutex_};
    doubt_first_reasons(answer);
    core_.statuses(clock::now(), answer);
    tell_ends(answer, asked);
    if (allocations_.empty())
      return;
    auto living = jobs_of(core_.living());
    std::erase_if(allocations_, [&](const auto& of) { return !living.contains(of.first); });
  } catch (const error& e) {
    std::lock_guard guard{mutex_};
    core_.query_failed(clock::now(), e.what());
  }
}

/// By unit: what squeue says of an allocation holds for each of its parts.
std::vector<job_status> slurm_deployment::statuses_of(const std::vector<std::string>& units,
                                                      const std::string& squeue_said) {
  std::map<std::string, job_status> by_id;
  for (auto& status : parse_squeue(squeue_said))
    by_id.insert_or_assign(status.id, std::move(status));
  std::vector<job_status> answer;
  for (const auto& unit : units)
    if (auto found = by_id.find(is_part_of_allocation(unit) ? job_of(unit) : unit); found != by_id.end()) {
      answer.push_back(found->second);
      answer.back().id = unit;
    }
  return answer;
}

void slurm_deployment::doubt_first_reasons(std::vector<job_status>& answer) {
  auto now = clock::now();
  auto known = std::exchange(hopeless_since_, {});
  for (auto& status : answer) {
    if (status.state != job_state::pending || !can_never_start(status.reason))
      continue;
    auto since = known.contains(status.id) ? known.at(status.id) : now;
    hopeless_since_.emplace(status.id, since);
    if (now - since < second_look)
      status.reason.clear();
  }
}

void slurm_deployment::tell_ends(const std::vector<job_status>& answer, clock::time_point asked) {
  for (auto& [slot, node] : nodes_) {
    if (node.joined > asked) // the answer may be about its job's life before it was requeued
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

/// Part of an allocation cannot be cancelled alone: its node is drained, and the rest of it goes on.
void slurm_deployment::cancel_now(const std::vector<std::string>& units) {
  std::set<std::string> jobs;
  {
    std::lock_guard guard{mutex_};
    for (const auto& unit : units) {
      if (!is_part_of_allocation(unit)) {
        jobs.insert(unit);
        continue;
      }
      auto& job = allocations_[job_of(unit)];
      job.cancelled.insert(unit);
      if (job.cancelled.size() == job.size)
        jobs.insert(job_of(unit));
    }
  }
  if (jobs.empty())
    return;
  try {
    slurm_commands{tuning::slurm_timeout, stopping_.get_token()}.cancel({jobs.begin(), jobs.end()});
    std::lock_guard guard{mutex_};
    cancel_problem_.clear();
  } catch (const error& e) {
    std::unique_lock lock{mutex_};
    cancel_problem_ = e.what();
    if (!replacing_)
      return; // they are tried once more, and what is wrong is said then
    lock.unlock();
    std::string all;
    for (const auto& job : jobs)
      all += " " + job;
    say_not_cancelled(e.what(), all);
  }
}

std::string slurm_deployment::log_of(const std::string& unit) const {
  return setup_.log_folder + "/job-" + (is_part_of_allocation(unit) ? job_of(unit) : unit) + ".log";
}

} // namespace daskify::internal
