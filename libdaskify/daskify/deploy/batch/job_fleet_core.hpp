#pragma once

/// Decides which jobs of a batch system there should be. Uses neither the system's commands nor a clock.
///
/// One unit (a job, a task of a job array, or one task of an allocation) runs one node process, which enrols when it
/// runs. The stage of a unit follows from the reports of the system and of the nodes:
///
///   submit --> pending --> starting --> enrolled --> draining --> leaving --> (gone)
///                 ^                        |  ^          |
///                 |            unexpectedly|  |          |
///                 |                        v  |          |
///                 '------ requeued ------- lost <--------' --> (gone)
///
///   any, when the core cancels it: cancelling --> (gone)
///   any whose job is over while its node is still connected: finished --> (gone)
///
/// The number of units that count is kept at the target. A unit counts from its submission until it nears its walltime,
/// is drained or cancelled, or has been without its node for long. Missing units are submitted together, at most once
/// every few seconds; surplus units are cancelled if pending and drained if enrolled.
///
/// Queries are rare and cover all units at once: nodes are watched by their connections, so that the answers matter
/// only for units without one. A job is over only when an answer says so; a missing answer changes nothing.
///
/// A job that is cancelled from outside is not replaced: the fleet is one smaller from then on, until `resume`. A job
/// whose drained node has left, or that runs without a node, is cancelled if it has not ended after `start_timeout`.
///
/// Not thread-safe. The effects of an event are called before the event returns; an effect must not call back. An event
/// takes at most O(n log n) for n units.

#include "daskify/defaults.hpp"
#include "daskify/deploy/batch/backoff.hpp"
#include "daskify/deploy/batch/fleet_text.hpp"
#include "daskify/deploy/batch/job_fleet_effects.hpp"
#include "daskify/deploy/batch/job_status.hpp"
#include "daskify/deploy/batch/query_schedule.hpp"
#include "daskify/deploy/batch/submission_pause.hpp"

#include <array>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace daskify::internal {

/// Size and timing of a fleet.
struct fleet_settings {
  using seconds = std::chrono::seconds;

  std::size_t size = 1;    ///< jobs wanted at the start; for a fixed fleet: always
  std::size_t minimum = 0; ///< of an adaptive fleet, that is one with minimum < maximum
  std::size_t maximum = 0;
  std::string system = "the batch system";                           ///< its name, for messages
  std::chrono::milliseconds start_timeout = defaults::start_timeout; ///< from a job's start to its node's enrolment
  /// Whether a pending job with this reason will never start.
  std::function<bool(std::string_view reason)> can_never_start = [](std::string_view) { return false; };
  /// What such a reason means, for messages; "" if the reason explains itself.
  std::function<std::string(std::string_view reason)> explain_reason = [](std::string_view) { return ""; };

  std::size_t largest_submission = 1'000; ///< jobs at a time; fits SLURM's MaxArraySize, 1001 unless a site changes it
  seconds submission_interval{5};         ///< least time between two submissions, so that jobs are batched
  seconds submission_backoff{5};          ///< after a refused submission; doubled with each further refusal
  seconds longest_submission_backoff{300};

  seconds first_query{1};    ///< after a submission; doubled while nothing changes
  seconds query_interval{2}; ///< least time between two queries, whatever happens
  seconds longest_query_interval{30};
  seconds quiet_query_interval{300}; ///< while all nodes are connected

  seconds lead{60}; ///< from the submission of a replacement to its work, until that was measured
  seconds longest_lead{1800};
  seconds drain{30}; ///< a node is drained this long before its walltime ends, at the latest

  seconds shrink_after{30};     ///< an adaptive fleet is as large as the largest demand in this time
  seconds pending_chance{60};   ///< a surplus pending job is not cancelled before this time
  seconds requeue_timeout{300}; ///< a requeued job that does not start again is replaced
  seconds verdict_timeout{400}; ///< then a lost job is cancelled; a system may take 300 s to notice a dead machine
  seconds cancel_again{10};     ///< a job that still exists this long after a cancellation

  std::size_t failed_starts = 3; ///< in a row, after which submissions pause
  seconds pause{300};            ///< length of the first pause; doubled each time
  seconds longest_pause{3600};

  seconds short_life{300}; ///< jobs lost earlier are replaced with growing delay, if that happens repeatedly
  seconds loss_backoff{10};
  seconds longest_loss_backoff{300};
};

/// How a node's connection ended, as seen by the scheduler.
enum class departure : std::uint8_t {
  left, ///< the node had returned its work and said goodbye
  lost  ///< anything else
};

class job_fleet_core {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Throws std::invalid_argument for invalid settings.
  job_fleet_core(job_fleet_effects& effects, fleet_settings settings);

  // Each event happens `now`; time does not go backwards.

  void start(time_point now);
  /// Ends submissions and cancels all jobs, also those being submitted. Queries go on until all jobs are over.
  void stop(time_point now);
  /// To be called about once a second.
  void tick(time_point now);

  /// A submission has succeeded. `units`: with the ids that `statuses` and the nodes use.
  void submitted(time_point now, submission_id request, const std::vector<std::string>& units);
  /// The system has refused the request, and no job was made. `permanent`: a retry will be refused, too, unless the
  /// user or the site changes something.
  void submit_failed(time_point now, submission_id request, const std::string& text, bool permanent);
  /// The query was answered. `answer`: all its units that the system knows; the others are over. Tasks of a job array
  /// are listed one by one, also when pending.
  void statuses(time_point now, std::span<const job_status> answer);
  void query_failed(time_point now, const std::string& text);

  /// The node of this unit has enrolled. Returns false when the unit is unknown or no longer wanted: the node has to
  /// leave. `time_left`: of the job's walltime.
  bool node_enrolled(time_point now, const std::string& unit, node_id node,
                     std::optional<std::chrono::seconds> time_left);
  /// The connection of an enrolled node has ended; `how` continues a sentence after "its node".
  void node_ended(time_point now, node_id node, departure as, const std::string& how);

  /// For an adaptive fleet: the current work could use `jobs` jobs; the units `idle` have none.
  void wanted(time_point now, std::size_t jobs, std::span<const std::string> idle);
  /// Requests a query as soon as possible.
  void asked_why(time_point now);
  /// To be called when the obstacle to starting jobs has been removed: ends the pause, and replaces jobs that were
  /// cancelled from outside.
  void resume(time_point now);

  // -- questions ----------------------------------------------------------------------------------------------

  fleet_report count() const;
  /// The number of jobs that there should be now.
  std::size_t target() const;
  /// The most jobs that there will be at a time, and that number at the start: jobs cancelled from outside lower it.
  std::size_t ceiling() const { return ceiling_; }
  std::size_t largest() const { return adaptive() ? settings_.maximum : settings_.size; }
  /// Time between the submission of a replacement and the end of the job that it replaces.
  std::chrono::seconds lead_time(std::chrono::seconds walltime) const;
  /// The units that the system has, as far as is known.
  std::vector<std::string> living() const;
  bool is_paused() const { return pause_.is_on(); }
  /// Whether no job of the fleet is left or being submitted.
  bool all_over() const { return units_.size() == in(stage::finished) && !submission_; }

  /// Throws std::logic_error when the internal tables contradict each other. Slow: for tests.
  void check_invariants() const;

private:
  using seconds = std::chrono::seconds;

  enum class stage : std::uint8_t { pending, starting, enrolled, draining, leaving, lost, cancelling, finished };
  static constexpr std::size_t stages = 8;

  struct unit {
    stage in = stage::pending;
    bool counts = true;    ///< towards the size
    bool listed = false;   ///< the system has reported the unit
    bool requeued = false; ///< and has not started since
    std::string reason;    ///< why it is pending
    time_point submitted;
    time_point since;                   ///< begin of this stage, or of its renewed timeout
    std::optional<time_point> enrolled; ///< when the last node enrolled
    node_id node;                       ///< the last node; valid while `connected`, or lost
    bool connected = false;
    end_cause cause = end_cause::unknown; ///< of the end of that node, if `caused`
    bool caused = false;
    bool drained = false;                 ///< that node was asked to leave
    std::string how;                      ///< how the connection ended, when lost
    job_state state = job_state::unknown; ///< as last reported by the system
    std::string nodes;                    ///< as last reported by the system
    std::optional<time_point> ends;       ///< end of the walltime
    seconds walltime{0};                  ///< the whole walltime, as far as is known
    std::optional<time_point> due;        ///< time of the unit's entry in `timers_`
  };
  using entry = std::unordered_map<std::string, unit>::value_type;

  /// Ids of units, ordered by a time.
  using by_time = std::set<std::pair<time_point, std::string>>;

  struct submission {
    submission_id id;
    std::size_t count = 0;
  };
  struct early_node {
    std::string unit;
    std::optional<seconds> time_left;
  };
  /// Failed starts of one event, by their cause.
  using failures = std::map<std::string, std::vector<std::string>>;

  std::size_t in(stage which) const { return counts_[static_cast<std::size_t>(which)]; }
  std::size_t supply() const;
  bool adaptive() const { return settings_.minimum < settings_.maximum; }
  bool is_quiet() const;
  bool is_waiting() const { return in(stage::pending) + in(stage::starting) != 0; }

  void file(const entry& of, bool add);
  std::optional<time_point> due_of(const unit& of) const;
  seconds typical_wait() const;
  seconds drain_time(seconds walltime) const;
  template <class Change>
  void change(entry& of, Change how);
  void remove(entry& of);

  bool add(const std::string& id, time_point now);
  void enrol(entry& of, node_id node, std::optional<seconds> time_left, time_point now);
  void know_end(entry& of, seconds time_left, time_point now);
  void apply(entry& of, const job_status& status, time_point now);
  void apply_pending(entry& of, const job_status& status, time_point now);
  void requeue(entry& of, time_point now);
  void over(entry& of, job_state state, const std::string& why, time_point now);
  void unlisted(entry& of, time_point now);
  void withdrawn();
  void enrolled_early(time_point now);
  void tell_gone(const entry& of, end_cause cause);
  void start_failed(entry& of, const std::string& what);
  void cancel(entry& of, time_point now);
  void drain(entry& of, time_point now);
  void expire(entry& of, time_point now);
  void timer(entry& of, time_point now);
  void run_timers(time_point now);

  void settle(time_point now, bool fresh = false);
  void conclude_failures(time_point now);
  void shrink(time_point now, bool fresh);
  void hand_over(time_point now);
  void flush_cancels();
  void grow(time_point now);
  void ask(time_point now);
  void tell_exhausted();
  void tell_report();
  fleet_situation situation(const fleet_report& of) const;

  job_fleet_effects& effects_;
  fleet_settings settings_;
  bool started_ = false;
  bool stopped_ = false;

  std::unordered_map<std::string, unit> units_;
  std::unordered_map<node_id, std::string> nodes_; ///< unit of each connected node
  std::unordered_map<node_id, early_node> early_;  ///< nodes whose units may belong to the open submission
  std::array<std::size_t, stages> counts_{};
  std::size_t counting_ = 0; ///< units that count towards the size
  std::map<std::string, std::size_t> reasons_;
  std::size_t unlisted_ = 0; ///< pending units that the system has not reported
  by_time pending_;          ///< pending units by `since`
  by_time serving_;          ///< enrolled units that count, by the end of their walltime
  by_time expiring_;         ///< enrolled units that no longer count, by the end of their walltime
  by_time timers_;
  std::set<std::string> idle_;

  // The target.
  std::size_t ceiling_; ///< lower than in the settings if jobs were cancelled from outside
  std::size_t need_ = 0;
  std::deque<std::pair<time_point, std::size_t>> needs_; ///< earlier needs with their ends, each larger than the next

  // Submissions.
  std::optional<submission> submission_;
  std::uint64_t last_submission_ = 0;
  time_point submit_after_ = time_point::min(); ///< submission_interval after the last submission
  time_point not_before_ = time_point::min();   ///< backoff after refusals and losses
  std::size_t batch_;                           ///< most jobs of one submission
  backoff submission_backoff_;
  std::string refusal_; ///< the last one, until a submission succeeds
  backoff loss_backoff_;
  std::optional<time_point> last_loss_;
  bool lost_early_ = false; ///< a job was lost early during this event

  // Failed starts.
  failures failures_; ///< of this event
  submission_pause pause_;

  // Queries.
  query_schedule queries_;
  bool changed_ = false; ///< the current answer contains news

  std::deque<seconds> waits_; ///< of the last jobs, from submission to enrolment
  std::vector<std::string> cancels_;
  bool told_exhausted_ = false;
  std::optional<fleet_report> told_;
};

} // namespace daskify::internal
