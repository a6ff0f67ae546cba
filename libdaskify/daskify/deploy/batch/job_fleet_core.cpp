#include "daskify/deploy/batch/job_fleet_core.hpp"

#include "daskify/deploy/batch/fleet_text.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace daskify::internal {

namespace {

using std::chrono::seconds;

/// The job has an allocation, but its processes are not running (yet).
bool is_held_up(job_state state) {
  return state == job_state::configuring || state == job_state::suspended;
}

end_cause cause_of(job_state state) {
  switch (state) {
  case job_state::completed:
    return end_cause::completed;
  case job_state::cancelled:
    return end_cause::cancelled;
  case job_state::failed:
    return end_cause::failed;
  case job_state::timed_out:
  case job_state::past_deadline:
    return end_cause::timed_out;
  case job_state::node_failed:
  case job_state::boot_failed:
    return end_cause::node_failed;
  case job_state::preempted:
  case job_state::suspended:
    return end_cause::preempted;
  case job_state::out_of_memory:
    return end_cause::out_of_memory;
  default:
    return end_cause::unknown;
  }
}

/// Whether no task is to blame. A task that kills its process or exhausts the machine's memory must not be retried for
/// ever; an unknown cause may be that.
bool by_infrastructure(end_cause cause) {
  switch (cause) {
  case end_cause::timed_out:
  case end_cause::preempted:
  case end_cause::node_failed:
  case end_cause::requeued:
  case end_cause::superseded:
  case end_cause::cancelled:
    return true;
  case end_cause::completed:
  case end_cause::out_of_memory:
  case end_cause::failed:
  case end_cause::unknown:
    break;
  }
  return false;
}

std::string on_nodes(const std::string& nodes) {
  return nodes.empty() ? "" : " on " + nodes;
}

} // namespace

job_fleet_core::job_fleet_core(job_fleet_effects& effects, fleet_settings settings)
    : effects_{effects},
      settings_{std::move(settings)},
      ceiling_{largest()},
      batch_{settings_.largest_submission},
      submission_backoff_{settings_.submission_backoff, settings_.longest_submission_backoff},
      loss_backoff_{settings_.loss_backoff, settings_.longest_loss_backoff, true},
      pause_{settings_.failed_starts, settings_.pause, settings_.longest_pause},
      queries_{{settings_.first_query, settings_.query_interval, settings_.longest_query_interval,
                settings_.quiet_query_interval}} {
  if (largest() == 0 || settings_.minimum > std::max(settings_.maximum, settings_.size))
    throw std::invalid_argument{"a fleet of no jobs"};
  if (settings_.largest_submission == 0 || settings_.failed_starts == 0 || !settings_.can_never_start)
    throw std::invalid_argument{"a fleet that can not submit"};
  need_ = settings_.size;
}

// -- tables -------------------------------------------------------------------------------------------------

/// Adds a unit to all counts and indices, or removes it from them.
void job_fleet_core::file(const entry& of, bool add) {
  const auto& [id, u] = of;
  auto count = [&](std::size_t& what) { add ? ++what : --what; };
  auto put = [&, &unit_id = id](by_time& where, time_point at) {
    if (add)
      where.emplace(at, unit_id);
    else
      where.erase({at, unit_id});
  };
  count(counts_[static_cast<std::size_t>(u.in)]);
  if (u.counts)
    count(counting_);
  if (u.in == stage::pending) {
    put(pending_, u.since);
    if (!u.listed) {
      count(unlisted_);
    } else {
      auto reason = reasons_.try_emplace(u.reason).first;
      count(reason->second);
      if (reason->second == 0)
        reasons_.erase(reason);
    }
  }
  if (u.in == stage::enrolled)
    put(u.counts ? serving_ : expiring_, u.ends.value_or(time_point::max()));
  if (u.due)
    put(timers_, *u.due);
}

/// Changes a unit, and its entries in all counts and indices.
template <class Change>
void job_fleet_core::change(entry& of, Change how) {
  file(of, false);
  how(of.second);
  of.second.due = due_of(of.second);
  file(of, true);
  if (of.second.in != stage::enrolled || !of.second.counts)
    idle_.erase(of.first);
}

void job_fleet_core::remove(entry& of) {
  file(of, false);
  idle_.erase(of.first);
  std::erase(cancels_, of.first);
  units_.erase(units_.find(of.first));
}

/// When the timeout of a unit's stage expires; nothing: never.
auto job_fleet_core::due_of(const unit& of) const -> std::optional<time_point> {
  switch (of.in) {
  case stage::pending:
    if (of.requeued)
      return of.since + std::max(settings_.requeue_timeout, 3 * typical_wait());
    return {};
  case stage::starting:
    if (is_held_up(of.state))
      return {};
    return of.since + settings_.start_timeout;
  case stage::leaving:
    return of.since + settings_.start_timeout;
  case stage::enrolled:
    if (of.ends)
      return *of.ends - (of.counts ? lead_time(of.walltime) : drain_time(of.walltime));
    return {};
  case stage::lost:
    if (of.counts)
      return of.since + settings_.start_timeout;
    return of.since + settings_.verdict_timeout;
  case stage::draining:
  case stage::cancelling:
  case stage::finished:
    break;
  }
  return {};
}

std::size_t job_fleet_core::supply() const {
  return counting_ + (submission_ ? submission_->count : 0);
}

std::size_t job_fleet_core::target() const {
  auto wanted = settings_.size;
  if (adaptive()) {
    auto need = needs_.empty() ? need_ : std::max(need_, needs_.front().second);
    wanted = std::clamp(need, settings_.minimum, settings_.maximum);
  }
  return std::min(wanted, ceiling_);
}

bool job_fleet_core::is_quiet() const {
  return in(stage::pending) + in(stage::starting) + in(stage::leaving) + in(stage::lost) + in(stage::cancelling) == 0;
}

/// The time within which about 80 % of the last jobs have enrolled; 0: unknown.
seconds job_fleet_core::typical_wait() const {
  if (waits_.empty())
    return seconds{0};
  std::vector<seconds> sorted{waits_.begin(), waits_.end()};
  auto most = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() * 4 / 5);
  std::nth_element(sorted.begin(), most, sorted.end());
  return *most;
}

seconds job_fleet_core::drain_time(seconds walltime) const {
  return walltime == seconds{0} ? settings_.drain : std::min(settings_.drain, walltime / 6);
}

seconds job_fleet_core::lead_time(seconds walltime) const {
  auto lead = waits_.empty() ? settings_.lead : typical_wait() + settings_.drain;
  lead = std::clamp(lead, settings_.drain, std::max(settings_.drain, settings_.longest_lead));
  return walltime == seconds{0} ? lead : std::min(lead, walltime / 3);
}

// -- control ------------------------------------------------------------------------------------------------

void job_fleet_core::start(time_point now) {
  started_ = true;
  settle(now);
}

void job_fleet_core::stop(time_point now) {
  if (std::exchange(stopped_, true))
    return;
  for (const auto& id : living())
    cancel(*units_.find(id), now);
  queries_.urgent(now);
  settle(now);
}

void job_fleet_core::tick(time_point now) {
  settle(now);
}

void job_fleet_core::wanted(time_point now, std::size_t jobs, std::span<const std::string> idle) {
  if (jobs != need_) {
    while (!needs_.empty() && needs_.back().second <= need_)
      needs_.pop_back();
    needs_.emplace_back(now, std::exchange(need_, jobs));
  }
  idle_.clear();
  for (const auto& id : idle)
    if (auto found = units_.find(id);
        found != units_.end() && found->second.in == stage::enrolled && found->second.counts)
      idle_.insert(id);
  settle(now);
}

void job_fleet_core::asked_why(time_point now) {
  queries_.urgent(now);
  settle(now);
}

void job_fleet_core::resume(time_point now) {
  pause_.forget();
  ceiling_ = largest();
  not_before_ = now;
  submission_backoff_.reset();
  loss_backoff_.reset();
  settle(now);
}

// -- submissions --------------------------------------------------------------------------------------------

void job_fleet_core::submitted(time_point now, submission_id request, const std::vector<std::string>& units) {
  bool expected = submission_ && submission_->id == request;
  if (expected) {
    submission_.reset();
    submission_backoff_.reset();
    batch_ = std::min(2 * batch_, settings_.largest_submission);
    refusal_.clear();
  }
  for (const auto& id : units)
    if (add(id, now) && (stopped_ || !expected))
      cancel(*units_.find(id), now);
  if (expected)
    enrolled_early(now);
  queries_.submitted(now);
  settle(now);
}

/// Returns false for a known unit.
bool job_fleet_core::add(const std::string& id, time_point now) {
  auto [made, is_new] = units_.try_emplace(id);
  if (is_new) {
    made->second.submitted = now;
    made->second.since = now;
    file(*made, true);
  }
  return is_new;
}

/// Enrols the nodes of jobs that started before their submission ended.
void job_fleet_core::enrolled_early(time_point now) {
  std::vector<std::pair<node_id, early_node>> sorted{early_.begin(), early_.end()};
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  early_.clear();
  for (const auto& [node, what] : sorted) {
    auto found = units_.find(what.unit);
    if (!stopped_ && found != units_.end() && found->second.counts)
      enrol(*found, node, what.time_left, now);
    else
      effects_.drain(what.unit, node);
  }
}

void job_fleet_core::submit_failed(time_point now, submission_id request, const std::string& text, bool permanent) {
  if (!submission_ || submission_->id != request)
    return;
  // Fewer jobs at a time may be accepted, because there are limits on how many jobs a user may submit.
  batch_ = std::max<std::size_t>(1, submission_->count / 2);
  submission_.reset();
  enrolled_early(now);
  refusal_ = text;
  if (permanent) {
    pause_.begin(now, settings_.system + " refuses to take the job: " + text);
  } else {
    not_before_ = std::max(not_before_, now + submission_backoff_.next());
  }
  settle(now);
}

// -- nodes --------------------------------------------------------------------------------------------------

bool job_fleet_core::node_enrolled(time_point now, const std::string& id, node_id node,
                                   std::optional<seconds> time_left) {
  if (stopped_)
    return false;
  if (auto known = nodes_.find(node); known != nodes_.end())
    return known->second == id;
  auto found = units_.find(id);
  if (found == units_.end()) {
    if (!submission_)
      return false;
    early_[node] = {id, time_left};
    return true;
  }
  switch (found->second.in) {
  case stage::cancelling:
  case stage::finished:
  case stage::leaving:
    return false;
  default:
    enrol(*found, node, time_left, now);
    settle(now);
    return true;
  }
}

void job_fleet_core::enrol(entry& of, node_id node, std::optional<seconds> time_left, time_point now) {
  auto& [id, u] = of;
  if (u.connected || u.in == stage::lost) {
    nodes_.erase(u.node);
    tell_gone(of, u.caused ? u.cause : end_cause::superseded);
  }
  if (!u.enrolled && !u.requeued) {
    waits_.push_back(std::chrono::ceil<seconds>(now - u.submitted));
    if (waits_.size() > 20)
      waits_.pop_front();
  }
  change(of, [&](unit& x) {
    x.in = stage::enrolled;
    x.counts = true;
    x.listed = true;
    x.requeued = false;
    x.since = now;
    x.enrolled = now;
    x.node = node;
    x.connected = true;
    x.caused = false;
    x.drained = false;
    x.ends.reset();
  });
  nodes_.emplace(node, id);
  if (time_left)
    know_end(of, *time_left, now);
  pause_.start_succeeded();
  told_exhausted_ = false;
}

void job_fleet_core::know_end(entry& of, seconds time_left, time_point now) {
  change(of, [&](unit& x) {
    x.ends = now + time_left;
    x.walltime = std::max(x.walltime, time_left);
  });
}

void job_fleet_core::node_ended(time_point now, node_id node, departure as, const std::string& how) {
  early_.erase(node);
  auto known = nodes_.find(node);
  if (known == nodes_.end())
    return;
  auto& of = *units_.find(known->second);
  nodes_.erase(known);
  auto& u = of.second;
  u.connected = false;
  u.how = how;
  bool as_asked = u.drained && as == departure::left;
  switch (u.in) {
  case stage::enrolled:
  case stage::draining:
    change(of, [&](unit& x) {
      x.in = as_asked ? stage::leaving : stage::lost;
      x.since = now;
    });
    if (u.in == stage::lost)
      queries_.urgent(now);
    break;
  case stage::finished:
    if (!stopped_ && !as_asked)
      tell_gone(of, u.cause);
    remove(of);
    break;
  default: // the job was requeued or cancelled before its node ended
    if (!stopped_ && !as_asked)
      tell_gone(of, u.caused ? u.cause : end_cause::unknown);
    break;
  }
  settle(now);
}

void job_fleet_core::tell_gone(const entry& of, end_cause cause) {
  const auto& [id, u] = of;
  auto text = "The node of job " + id + " is gone: " + in_words(cause, settings_.system);
  if (cause == end_cause::unknown && !u.how.empty())
    text += "; its node " + u.how;
  effects_.node_gone({id, u.node, cause, by_infrastructure(cause), text + "."});
}

// -- answers of the system ----------------------------------------------------------------------------------

void job_fleet_core::statuses(time_point now, std::span<const job_status> answer) {
  auto rest = queries_.answered();
  if (!rest)
    return;
  changed_ = false;
  for (const auto& status : answer) {
    if (rest->erase(status.id) == 0)
      continue;
    if (auto found = units_.find(status.id); found != units_.end())
      apply(*found, status, now);
  }
  for (const auto& id : *rest)
    if (auto found = units_.find(id); found != units_.end())
      unlisted(*found, now);
  queries_.answer_done(now, changed_, is_quiet());
  settle(now, true);
}

void job_fleet_core::query_failed(time_point now, const std::string& text) {
  if (queries_.failed(now, text))
    settle(now);
}

void job_fleet_core::apply(entry& of, const job_status& status, time_point now) {
  auto& u = of.second;
  if (u.in == stage::finished)
    return;
  // A node that enrolled after the query was sent is newer than the answer.
  if (u.in != stage::cancelling && u.enrolled && queries_.last_query() && *u.enrolled >= *queries_.last_query())
    return;
  auto before = std::exchange(u.state, status.state);
  changed_ |= before != status.state;
  u.nodes = status.nodes;
  if (is_over(status.state)) {
    std::string why{to_string(status.state)};
    if (!status.reason.empty())
      why += " (" + status.reason + ")";
    over(of, status.state, why + on_nodes(u.nodes) + " before a node enrolled", now);
    return;
  }
  if (u.in == stage::cancelling) {
    if (status.state != job_state::completing && now - u.since >= settings_.cancel_again) {
      cancels_.push_back(of.first);
      u.since = now;
    }
    return;
  }
  switch (status.state) {
  case job_state::pending:
  case job_state::requeued:
    apply_pending(of, status, now);
    return;
  case job_state::configuring:
  case job_state::suspended:
  case job_state::running:
  case job_state::completing:
    // start_timeout begins when the processes can run.
    if (u.in == stage::pending || (u.in == stage::starting && (is_held_up(before) || is_held_up(status.state))))
      change(of, [&](unit& x) {
        x.in = stage::starting;
        x.listed = true;
        x.requeued = false;
        x.since = now;
      });
    if (u.in == stage::enrolled && status.state == job_state::running && status.time_left)
      know_end(of, *status.time_left, now);
    return;
  default:
    return;
  }
}

void job_fleet_core::apply_pending(entry& of, const job_status& status, time_point now) {
  if (of.second.in != stage::pending)
    requeue(of, now);
  if (of.second.in != stage::pending)
    return;
  change(of, [&](unit& x) {
    x.listed = true;
    x.reason = status.reason;
    if (status.time_left)
      x.walltime = std::max(x.walltime, *status.time_left);
  });
  if (!settings_.can_never_start(status.reason))
    return;
  auto meaning = settings_.explain_reason(status.reason);
  start_failed(of, "can never start: " + status.reason + (meaning.empty() ? "" : ": ") + meaning);
  cancel(of, now);
}

/// The job is pending again after it had started.
void job_fleet_core::requeue(entry& of, time_point now) {
  auto& u = of.second;
  if (u.in == stage::lost)
    tell_gone(of, end_cause::requeued);
  bool unwanted = u.drained;
  change(of, [&](unit& x) {
    x.in = stage::pending;
    x.counts = true;
    x.requeued = true;
    x.since = now;
    x.cause = end_cause::requeued;
    x.caused = true;
    x.ends.reset();
  });
  if (unwanted)
    cancel(of, now);
}

void job_fleet_core::unlisted(entry& of, time_point now) {
  auto& u = of.second;
  // A unit whose node is connected exists, whatever this answer says.
  if ((u.connected && u.in != stage::cancelling) || (u.enrolled && *u.enrolled >= *queries_.last_query()))
    return;
  changed_ = true;
  over(of, job_state::unknown, "disappeared from " + settings_.system + " before a node enrolled", now);
}

void job_fleet_core::over(entry& of, job_state state, const std::string& why, time_point now) {
  auto& u = of.second;
  auto cause = u.in == stage::cancelling && u.caused ? u.cause : cause_of(state);
  bool had_node = u.in == stage::enrolled || u.in == stage::lost;
  if (state == job_state::cancelled && !u.drained && u.in != stage::cancelling) {
    withdrawn();
  } else if (u.in == stage::pending || u.in == stage::starting) {
    if (state == job_state::node_failed || state == job_state::preempted)
      lost_early_ = true;
    else
      start_failed(of, why);
  } else if (had_node && u.counts && now - *u.enrolled < settings_.short_life) {
    lost_early_ = true;
  }
  if (u.in == stage::lost)
    tell_gone(of, cause);
  if (!u.connected) {
    remove(of);
    return;
  }
  change(of, [&](unit& x) {
    if (!x.caused)
      x.cause = cause;
    x.caused = true;
    x.in = stage::finished;
    x.counts = false;
  });
}

/// A job was cancelled from outside: it is not replaced until `resume`.
void job_fleet_core::withdrawn() {
  if (auto now = target(); now != 0)
    ceiling_ = now - 1;
}

void job_fleet_core::start_failed(entry& of, const std::string& what) {
  if (!stopped_)
    failures_[what].push_back(of.first);
}

void job_fleet_core::conclude_failures(time_point now) {
  bool too_many = false;
  for (const auto& [what, ids] : std::exchange(failures_, {})) {
    too_many = pause_.starts_failed(ids.size(), names_in_words(ids) + " " + what + ".");
    effects_.failed_start(ids, pause_.problem());
  }
  if (too_many)
    pause_.begin(now, pause_.problem());
}

// -- time ---------------------------------------------------------------------------------------------------

void job_fleet_core::run_timers(time_point now) {
  while (!timers_.empty() && timers_.begin()->first <= now)
    timer(*units_.find(timers_.begin()->second), now);
  while (!needs_.empty() && needs_.front().first + settings_.shrink_after <= now)
    needs_.pop_front();
  pause_.tick(now);
}

/// Handles the timeout of a unit. Each case changes the unit's `due`.
void job_fleet_core::timer(entry& of, time_point now) {
  auto& u = of.second;
  // Walltime can be judged by our own clock. Everything else needs a recent answer of the system: never give up a job
  // whose state is unknown.
  if (u.in != stage::enrolled && !queries_.is_recent(now)) {
    change(of, [&](unit& x) { x.since += now - *x.due + settings_.query_interval; });
    return;
  }
  switch (u.in) {
  case stage::pending:
    if (!u.enrolled)
      start_failed(of, "did not start again after it was requeued");
    cancel(of, now);
    break;
  case stage::starting:
    start_failed(of, "ran for the " + in_words(settings_.start_timeout) + " of start_timeout" + on_nodes(u.nodes) +
                         " and no node enrolled");
    cancel(of, now);
    break;
  case stage::leaving:
    cancel(of, now);
    break;
  case stage::enrolled:
    if (u.counts)
      change(of, [](unit& x) { x.counts = false; });
    else
      drain(of, now);
    break;
  case stage::lost:
    if (u.counts) {
      lost_early_ |= now - *u.enrolled < settings_.short_life;
      change(of, [](unit& x) { x.counts = false; });
    } else {
      tell_gone(of, cause_of(u.state));
      cancel(of, now);
    }
    break;
  default:
    throw std::logic_error{"a job waits for nothing"};
  }
}

void job_fleet_core::cancel(entry& of, time_point now) {
  change(of, [&](unit& x) {
    x.in = stage::cancelling;
    x.counts = false;
    x.since = now;
  });
  cancels_.push_back(of.first);
}

void job_fleet_core::drain(entry& of, time_point now) {
  change(of, [&](unit& x) {
    x.in = stage::draining;
    x.counts = false;
    x.drained = true;
    x.since = now;
  });
  effects_.drain(of.first, of.second.node);
}

// -- after each event ---------------------------------------------------------------------------------------

/// Does what has become due. `fresh`: the system has just reported its jobs.
void job_fleet_core::settle(time_point now, bool fresh) {
  if (!stopped_) {
    run_timers(now);
    conclude_failures(now);
    if (std::exchange(lost_early_, false)) {
      if (last_loss_ && now - *last_loss_ > std::max(settings_.short_life, 2 * loss_backoff_.delay()))
        loss_backoff_.reset();
      last_loss_ = now;
      not_before_ = std::max(not_before_, now + loss_backoff_.next());
    }
    shrink(now, fresh);
    hand_over(now);
  }
  flush_cancels();
  grow(now);
  ask(now);
  tell_exhausted();
  tell_report();
}

void job_fleet_core::shrink(time_point now, bool fresh) {
  auto too_many = [&] { return supply() > target() ? supply() - target() : 0; };
  if (!started_ || too_many() == 0)
    return;
  // The oldest pending jobs are the next to start, so the newest are cancelled; but each gets pending_chance first, or
  // none would ever start. Only a fresh answer shows that a job has not started meanwhile.
  auto had_chance = [&] {
    auto younger = pending_.upper_bound({now - settings_.pending_chance, {}});
    return younger == pending_.begin() ? pending_.end() : std::prev(younger);
  };
  if (!fresh && had_chance() != pending_.end())
    queries_.urgent(now);
  if (fresh)
    for (auto newest = had_chance(); newest != pending_.end() && too_many() != 0; newest = had_chance())
      cancel(*units_.find(newest->second), now);
  // Other units without a node are handled when their node has enrolled.
  auto undecided = supply() - serving_.size();
  while (too_many() > undecided)
    drain(*units_.find(idle_.empty() ? serving_.begin()->second : *idle_.begin()), now);
}

/// Drains jobs near their walltime as soon as their replacements have enrolled.
void job_fleet_core::hand_over(time_point now) {
  while (!expiring_.empty() && serving_.size() >= target())
    drain(*units_.find(expiring_.begin()->second), now);
}

void job_fleet_core::flush_cancels() {
  if (!cancels_.empty())
    effects_.cancel(std::exchange(cancels_, {}));
}

void job_fleet_core::grow(time_point now) {
  if (!started_ || stopped_ || submission_ || pause_.is_on() || now < not_before_ || now < submit_after_)
    return;
  auto wanted = target();
  if (wanted <= supply() || (pause_.is_probing() && is_waiting()))
    return;
  auto count = pause_.is_probing() ? 1 : std::min({wanted - supply(), batch_, settings_.largest_submission});
  submission_ = {{++last_submission_}, count};
  submit_after_ = now + settings_.submission_interval;
  told_exhausted_ = false;
  effects_.submit(submission_->id, count);
}

void job_fleet_core::ask(time_point now) {
  queries_.observe(now, is_quiet());
  if (!queries_.is_due(now))
    return;
  auto all = living();
  if (all.empty())
    return;
  queries_.begin(now, all);
  effects_.query(all);
}

void job_fleet_core::tell_exhausted() {
  bool nothing = in(stage::leaving) + in(stage::cancelling) == units_.size() && nodes_.empty() && !submission_;
  bool for_good = ceiling_ == 0 || (pause_.is_on() && target() != 0);
  if (!started_ || stopped_ || told_exhausted_ || !nothing || !for_good)
    return;
  told_exhausted_ = true;
  effects_.exhausted(ceiling_ == 0 ? "All jobs were cancelled."
                                   : "No job is left, and none will be submitted for " + in_words(pause_.length()) +
                                         ". " + pause_.problem());
}

// -- questions ----------------------------------------------------------------------------------------------

fleet_report job_fleet_core::count() const {
  fleet_report sum;
  sum.system = settings_.system;
  sum.wanted = target();
  sum.submitted = unlisted_ + (submission_ ? submission_->count : 0);
  sum.pending = in(stage::pending)-unlisted_;
  sum.reasons = reasons_;
  sum.starting = in(stage::starting);
  sum.enrolled = in(stage::enrolled);
  sum.draining = in(stage::draining);
  sum.lost = in(stage::lost);
  sum.sentence = to_sentence(sum, situation(sum));
  return sum;
}

std::vector<std::string> job_fleet_core::living() const {
  std::vector<std::string> ids;
  for (const auto& [id, u] : units_)
    if (u.in != stage::finished)
      ids.push_back(id);
  std::ranges::sort(ids);
  return ids;
}

fleet_situation job_fleet_core::situation(const fleet_report& of) const {
  fleet_situation now;
  now.being_submitted = submission_ ? submission_->count : 0;
  if (of.lost != 0) // the units are looked through only then
    now.suspended = static_cast<std::size_t>(std::ranges::count_if(units_, [](const auto& of_unit) {
      return of_unit.second.in == stage::lost && of_unit.second.state == job_state::suspended;
    }));
  now.stopped = stopped_;
  now.paused_for = pause_.is_on() ? pause_.length() : seconds{0};
  now.probing = pause_.is_probing();
  now.problem = pause_.problem();
  now.refusal = refusal_;
  now.losing_early = supply() < of.wanted && loss_backoff_.delay() > settings_.loss_backoff;
  now.withdrawn = ceiling_ < largest();
  now.silence = queries_.is_failing() ? queries_.problem() : "";
  return now;
}

void job_fleet_core::tell_report() {
  auto now = count();
  if (told_ == now)
    return;
  told_ = now;
  effects_.report(now);
}

void job_fleet_core::check_invariants() const {
  auto require = [](bool holds, const char* what) {
    if (!holds)
      throw std::logic_error{what};
  };
  std::array<std::size_t, stages> counts{};
  std::map<std::string, std::size_t> reasons;
  std::size_t counting = 0;
  std::size_t unlisted = 0;
  std::size_t connected = 0;
  std::size_t timed = 0;
  for (const auto& [id, u] : units_) {
    ++counts[static_cast<std::size_t>(u.in)];
    counting += u.counts;
    connected += u.connected;
    require(!u.connected || (nodes_.contains(u.node) && nodes_.at(u.node) == id), "a node is not filed");
    require(u.connected || (u.in != stage::enrolled && u.in != stage::draining && u.in != stage::finished),
            "a job works without a node");
    require(!u.connected || (u.in != stage::lost && u.in != stage::leaving), "a node is lost that is connected");
    require(u.counts || (u.in != stage::pending && u.in != stage::starting), "a job that will work does not count");
    require(!u.counts || (u.in != stage::draining && u.in != stage::leaving && u.in != stage::cancelling &&
                          u.in != stage::finished),
            "a job counts that will not work");
    require(u.in != stage::pending || pending_.contains({u.since, id}), "a pending job is not filed");
    auto ends = u.ends.value_or(time_point::max());
    require(u.in != stage::enrolled || (u.counts ? serving_ : expiring_).contains({ends, id}),
            "an enrolled job is not filed");
    require(u.due == due_of(u) || u.in == stage::pending || u.in == stage::enrolled, "a timer is wrong");
    require(!u.due || timers_.contains({*u.due, id}), "a timer is not filed");
    timed += u.due.has_value();
    if (u.in == stage::pending) {
      if (u.listed)
        ++reasons[u.reason];
      else
        ++unlisted;
    }
  }
  require(counts == counts_ && counting == counting_ && unlisted == unlisted_ && reasons == reasons_,
          "jobs are miscounted");
  require(pending_.size() == in(stage::pending) && timers_.size() == timed &&
              serving_.size() + expiring_.size() == in(stage::enrolled) && nodes_.size() == connected,
          "a job is filed that is gone");
  for (const auto& id : idle_)
    require(units_.contains(id) && units_.at(id).in == stage::enrolled && units_.at(id).counts,
            "an idle job does not work");
  require(early_.empty() || submission_, "a node waits for a submission that has ended");
  require(cancels_.empty() && failures_.empty() && !lost_early_, "something was not told");
  require(queries_.is_open() || queries_.asked().empty(), "jobs are asked about, and no query is open");
  require(!stopped_ || in(stage::cancelling) + in(stage::finished) == units_.size(), "a job outlives the fleet");
  require(ceiling_ <= largest(), "more jobs may be wanted than the settings allow");
}

} // namespace daskify::internal
