#include "daskify/deploy/batch/job_fleet_core.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace daskify::internal {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::UnorderedElementsAre;

using time_point = job_fleet_core::time_point;
using names = std::vector<std::string>;

const char* name_of(end_cause cause) {
  switch (cause) {
  case end_cause::completed:
    return "completed";
  case end_cause::timed_out:
    return "timed_out";
  case end_cause::preempted:
    return "preempted";
  case end_cause::node_failed:
    return "node_failed";
  case end_cause::requeued:
    return "requeued";
  case end_cause::superseded:
    return "superseded";
  case end_cause::cancelled:
    return "cancelled";
  case end_cause::out_of_memory:
    return "out_of_memory";
  case end_cause::failed:
    return "failed";
  case end_cause::unknown:
    break;
  }
  return "unknown";
}

template <class Id>
std::string text_of(Id id) {
  return std::to_string(id.value);
}

std::string joined(const names& all) {
  std::string text;
  for (const auto& one : all)
    text += " " + one;
  return text;
}

/// Records the effects of the core in words. Queries and reports have their own members.
struct recorder : job_fleet_effects {
  void submit(submission_id request, std::size_t count) override {
    tell("submit " + std::to_string(count));
    last_submission = request;
  }
  void query(const names& units) override {
    EXPECT_FALSE(open_query) << "two queries at a time";
    open_query = units;
  }
  void cancel(const names& units) override {
    tell("cancel" + joined(units));
    cancelled.insert(cancelled.end(), units.begin(), units.end());
  }
  void drain(const std::string& unit, node_id node) override {
    tell("drain " + unit + " at " + std::to_string(node.value));
  }
  void node_gone(const node_end& what) override {
    tell("gone " + what.unit + " at " + std::to_string(what.node.value) + ": " + name_of(what.cause) +
         (what.by_infrastructure ? ", by infrastructure" : ""));
    last_text = what.text;
  }
  void failed_start(const names& units, const std::string& sentence) override {
    tell("failed start" + joined(units));
    last_text = sentence;
  }
  void exhausted(const std::string& sentence) override {
    tell("exhausted");
    last_text = sentence;
  }
  void report(const fleet_report& now) override { reports.push_back(now); }

  void tell(std::string what) { told.push_back(std::move(what)); }

  names told;
  names cancelled; ///< not passed to SLURM yet
  std::string last_text;
  submission_id last_submission;
  std::optional<names> open_query;
  std::vector<fleet_report> reports;
};

job_status status_of(std::string id, job_state state, std::string reason = "") {
  job_status made;
  made.id = std::move(id);
  made.job_id = made.id;
  made.state = state;
  made.reason = std::move(reason);
  return made;
}

/// A fleet on a simulated SLURM that answers within a second as the test wants.
struct job_fleet : testing::Test {
  recorder seen;
  fleet_settings settings;
  std::unique_ptr<job_fleet_core> core;
  time_point begin{1000h};
  time_point now = begin;
  std::map<std::string, job_status> jobs;
  bool squeue_works = true;
  bool scancel_works = true;
  std::vector<seconds> queries; ///< since the beginning

  job_fleet() {
    settings.size = 3;
    settings.can_never_start = [](std::string_view reason) { return reason == "PartitionTimeLimit"; };
    settings.explain_reason = [](std::string_view reason) {
      return reason == "PartitionTimeLimit" ? "ask for less" : "";
    };
  }
  void TearDown() override { EXPECT_THAT(told(), IsEmpty()); }

  names told() { return std::exchange(seen.told, {}); }
  const fleet_report& report() const { return seen.reports.back(); }

  void check() {
    EXPECT_NO_THROW(core->check_invariants());
    EXPECT_EQ(core->count(), report()) << "the last report is old";
  }
  void start() {
    core = std::make_unique<job_fleet_core>(seen, settings);
    core->start(now);
    check();
  }
  void submitted(const names& ids) {
    for (const auto& id : ids)
      jobs.emplace(id, status_of(id, job_state::pending, "Priority"));
    core->submitted(now, seen.last_submission, ids);
    check();
  }
  void refused(const std::string& text, bool permanent) {
    core->submit_failed(now, seen.last_submission, text, permanent);
    check();
  }
  bool enrol(const std::string& id, std::uint64_t node, std::optional<seconds> time_left = {}) {
    if (auto job = jobs.find(id); job != jobs.end()) {
      job->second.state = job_state::running;
      job->second.reason.clear();
      job->second.time_left = time_left;
    }
    bool ours = core->node_enrolled(now, id, {node}, time_left);
    check();
    return ours;
  }
  void ended(std::uint64_t node, departure as = departure::lost) {
    core->node_ended(now, {node}, as, "closed the connection");
    check();
  }
  void wanted(std::size_t count, const names& idle = {}) {
    core->wanted(now, count, idle);
    check();
  }
  void state(const std::string& id, job_state is, const std::string& reason = "") {
    auto& job = jobs.at(id);
    job.state = is;
    job.reason = reason;
    job.time_left.reset();
  }
  void answer() {
    auto asked = *std::exchange(seen.open_query, {});
    std::vector<job_status> found;
    for (const auto& id : asked)
      if (auto job = jobs.find(id); job != jobs.end())
        found.push_back(job->second);
    core->statuses(now, found);
    check();
  }
  void pass(seconds time) {
    for (seconds gone{0}; gone < time; gone += 1s) {
      now += 1s;
      for (auto& [id, job] : jobs)
        if (job.state == job_state::running && job.time_left)
          *job.time_left -= 1s;
      for (const auto& id : std::exchange(seen.cancelled, {}))
        if (auto job = jobs.find(id); job != jobs.end() && scancel_works)
          job->second.state = job_state::cancelled;
      core->tick(now);
      check();
      if (!seen.open_query)
        continue;
      queries.push_back(std::chrono::duration_cast<seconds>(now - begin));
      if (squeue_works) {
        answer();
      } else {
        seen.open_query.reset();
        core->query_failed(now, "slurm_load_jobs error: Unable to contact slurm controller");
        check();
      }
    }
  }
  /// A fleet at work: jobs 1, 2, ... with nodes 101, 102, ...
  void start_and_enrol(std::optional<seconds> time_left = {}) {
    start();
    names ids;
    for (std::size_t i = 1; i <= settings.size; ++i)
      ids.push_back(std::to_string(i));
    submitted(ids);
    for (std::size_t i = 1; i <= settings.size; ++i)
      EXPECT_TRUE(enrol(ids[i - 1], 100 + i, time_left));
    EXPECT_THAT(told(), ElementsAre("submit " + std::to_string(settings.size)));
  }
  void adaptive(std::size_t minimum, std::size_t maximum, std::size_t size) {
    settings.minimum = minimum;
    settings.maximum = maximum;
    settings.size = size;
  }
};

// -- starting -----------------------------------------------------------------------------------------------

TEST_F(job_fleet, submits_all_jobs_at_once) {
  start();
  EXPECT_THAT(told(), ElementsAre("submit 3"));
  submitted({"7_0", "7_1", "7_2"});
  pass(10min);
  EXPECT_THAT(told(), IsEmpty()) << "however long they are pending";
  EXPECT_EQ(report().pending, 3U);
  EXPECT_EQ(report().sentence, "0 of 3 jobs at work, 3 pending (Priority).");
}

TEST_F(job_fleet, says_what_its_jobs_do) {
  settings.size = 6;
  start();
  EXPECT_EQ(report().sentence, "0 of 6 jobs at work, 6 being submitted.");
  submitted({"1", "2", "3", "4", "5", "6"});
  state("2", job_state::pending, "Resources");
  state("3", job_state::running);
  EXPECT_TRUE(enrol("4", 104));
  EXPECT_TRUE(enrol("5", 105));
  pass(2s);
  EXPECT_EQ(report().sentence, "2 of 6 jobs at work, 3 pending (2 Priority, 1 Resources), 1 starting.");
  ended(105);
  EXPECT_EQ(report().lost, 1U);
  told();
}

TEST_F(job_fleet, submits_large_fleets_in_parts_that_slurm_takes) {
  settings.size = 2500;
  start();
  EXPECT_THAT(told(), ElementsAre("submit 1000"));
  names first(1000);
  std::generate(first.begin(), first.end(), [n = 0]() mutable { return std::to_string(++n); });
  core->submitted(now, seen.last_submission, first);
  EXPECT_THAT(told(), IsEmpty());
  now += 5s;
  core->tick(now);
  EXPECT_THAT(told(), ElementsAre("submit 1000"));
}

TEST_F(job_fleet, takes_a_node_that_is_faster_than_the_answer_of_sbatch) {
  start();
  EXPECT_TRUE(enrol("1", 101));
  EXPECT_TRUE(enrol("99", 102));
  EXPECT_EQ(report().enrolled, 0U);
  submitted({"1", "2", "3"});
  EXPECT_EQ(report().enrolled, 1U);
  EXPECT_THAT(told(), ElementsAre("submit 3", "drain 99 at 102")) << "the other is not ours";
}

TEST_F(job_fleet, turns_away_nodes_of_jobs_that_are_not_its_own) {
  start_and_enrol();
  EXPECT_FALSE(enrol("99", 199));
  ended(199);
}

TEST_F(job_fleet, tries_again_when_a_submission_is_refused_but_not_at_once_and_with_fewer_jobs) {
  settings.size = 4;
  start();
  refused("sbatch: error: AssocMaxSubmitJobLimit", false);
  EXPECT_THAT(report().sentence, HasSubstr("AssocMaxSubmitJobLimit"));
  EXPECT_THAT(told(), ElementsAre("submit 4"));
  pass(5s);
  EXPECT_THAT(told(), ElementsAre("submit 2"));
  refused("sbatch: error: AssocMaxSubmitJobLimit", false);
  pass(9s);
  EXPECT_THAT(told(), IsEmpty());
  pass(1s);
  EXPECT_THAT(told(), ElementsAre("submit 1"));
  submitted({"1"});
  pass(5s);
  EXPECT_THAT(told(), ElementsAre("submit 2"));
  submitted({"2", "3"});
  EXPECT_EQ(report().sentence, "0 of 4 jobs at work, 2 submitted, 1 pending (Priority).");
  pass(5s);
  EXPECT_THAT(told(), ElementsAre("submit 1"));
}

TEST_F(job_fleet, does_not_ask_again_what_is_refused_for_good_until_a_pause_is_over) {
  start();
  refused("sbatch: error: Invalid account or account/partition combination specified", true);
  EXPECT_THAT(told(), ElementsAre("submit 3", "exhausted"));
  EXPECT_THAT(seen.last_text, AllOf(HasSubstr("Invalid account"), HasSubstr("5 min")));
  pass(299s);
  EXPECT_THAT(told(), IsEmpty());
  pass(1s);
  EXPECT_THAT(told(), ElementsAre("submit 1"));
  submitted({"1"});
  EXPECT_TRUE(enrol("1", 101));
  pass(5s);
  EXPECT_THAT(told(), ElementsAre("submit 2"));
}

// -- failed starts ------------------------------------------------------------------------------------------

TEST_F(job_fleet, tells_which_job_ended_before_its_node_enrolled_and_submits_another) {
  start();
  submitted({"1", "2", "3"});
  EXPECT_TRUE(enrol("1", 101));
  EXPECT_TRUE(enrol("2", 102));
  state("3", job_state::failed, "NonZeroExitCode");
  jobs.at("3").nodes = "n7";
  pass(5s);
  EXPECT_EQ(seen.last_text, "Job 3 failed (NonZeroExitCode) on n7 before a node enrolled.");
  EXPECT_THAT(told(), ElementsAre("submit 3", "failed start 3", "submit 1"));
}

TEST_F(job_fleet, pauses_after_three_failed_starts_in_a_row_then_tries_one_job_after_ever_longer_pauses) {
  start();
  submitted({"1", "2", "3"});
  for (const auto* id : {"1", "2", "3"})
    state(id, job_state::failed);
  pass(1s);
  EXPECT_THAT(told(), ElementsAre("submit 3", "failed start 1 2 3", "exhausted"));
  EXPECT_EQ(seen.last_text, "No job is left, and none will be submitted for 5 min. Jobs 1, 2 and 3 failed "
                            "before a node enrolled.");
  EXPECT_THAT(report().sentence, HasSubstr("Nothing is submitted for 5 min"));
  pass(299s);
  EXPECT_THAT(told(), IsEmpty());
  pass(1s);
  EXPECT_THAT(told(), ElementsAre("submit 1"));
  submitted({"4"});
  pass(1min);
  EXPECT_THAT(told(), IsEmpty()) << "no other before this one has started";
  state("4", job_state::completed);
  pass(30s);
  EXPECT_THAT(told(), ElementsAre("failed start 4", "exhausted"));
  EXPECT_THAT(seen.last_text, HasSubstr("10 min"));
  pass(10min);
  EXPECT_THAT(told(), ElementsAre("submit 1"));
  submitted({"5"});
  EXPECT_TRUE(enrol("5", 105));
  pass(5s);
  EXPECT_THAT(told(), ElementsAre("submit 2")) << "all that are missing";
  EXPECT_THAT(report().sentence, Not(HasSubstr("failed")));
}

TEST_F(job_fleet, does_not_flood_slurm_when_no_job_ever_starts) {
  settings.size = 100;
  start();
  std::size_t count = 0;
  for (seconds gone{0}; gone < 24h; gone += 1s) {
    for (const auto& what : told())
      if (what.starts_with("submit ")) {
        names ids(std::stoul(what.substr(7)));
        for (auto& id : ids)
          id = std::to_string(++count);
        submitted(ids);
        for (const auto& id : ids)
          state(id, job_state::failed);
      }
    pass(1s);
    std::erase_if(jobs, [](const auto& job) { return job.second.state == job_state::failed; });
  }
  EXPECT_EQ(count, 100U + 26U) << "after 5, 10, 20, 40 minutes, then once an hour";
  EXPECT_LE(queries.size(), 2U * 27U);
}

TEST_F(job_fleet, does_not_count_failed_starts_with_an_enrolment_between) {
  settings.size = 1;
  start();
  EXPECT_THAT(told(), ElementsAre("submit 1"));
  for (int i = 1; i <= 8; ++i) {
    auto id = std::to_string(i);
    submitted({id});
    if (i % 3 == 0) {
      EXPECT_TRUE(enrol(id, 100 + static_cast<std::uint64_t>(i)));
      pass(10min);
      ended(100 + static_cast<std::uint64_t>(i));
    }
    state(id, job_state::failed);
    pass(20s);
    EXPECT_THAT(told(), testing::Contains("submit 1"));
    EXPECT_FALSE(core->is_paused());
  }
}

TEST_F(job_fleet, ends_a_pause_when_somebody_has_mended_what_was_broken) {
  start();
  submitted({"1", "2", "3"});
  for (const auto* id : {"1", "2", "3"})
    state(id, job_state::failed);
  pass(10s);
  EXPECT_TRUE(core->is_paused());
  told();
  core->resume(now);
  EXPECT_THAT(told(), ElementsAre("submit 3"));
}

TEST_F(job_fleet, leaves_jobs_that_are_pending_during_a_pause_alone) {
  settings.size = 6;
  start();
  submitted({"1", "2", "3", "4", "5", "6"});
  for (const auto* id : {"1", "2", "3"})
    state(id, job_state::failed);
  pass(10min);
  EXPECT_THAT(told(), ElementsAre("submit 6", "failed start 1 2 3")) << "and they are the trial";
  EXPECT_TRUE(enrol("4", 104));
  EXPECT_THAT(told(), ElementsAre("submit 3"));
}

TEST_F(job_fleet, gives_up_a_job_that_runs_without_a_node) {
  start();
  submitted({"1", "2", "3"});
  EXPECT_TRUE(enrol("1", 101));
  EXPECT_TRUE(enrol("2", 102));
  state("3", job_state::running);
  pass(60s);
  EXPECT_THAT(told(), ElementsAre("submit 3"));
  pass(1s);
  EXPECT_THAT(told(), ElementsAre("failed start 3", "cancel 3", "submit 1"));
  EXPECT_EQ(seen.last_text, "Job 3 ran for the 1 min of start_timeout and no node enrolled.");
  EXPECT_FALSE(enrol("3", 103)) << "too late";
}

TEST_F(job_fleet, is_patient_while_machines_are_being_made_ready) {
  start();
  submitted({"1", "2", "3"});
  for (const auto* id : {"1", "2", "3"})
    state(id, job_state::configuring);
  pass(10min);
  EXPECT_THAT(told(), ElementsAre("submit 3"));
  for (const auto* id : {"1", "2", "3"})
    state(id, job_state::running);
  pass(59s);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_TRUE(enrol("1", 101));
  EXPECT_TRUE(enrol("2", 102));
  EXPECT_TRUE(enrol("3", 103));
}

TEST_F(job_fleet, tells_at_once_what_can_never_start_and_cancels_it) {
  start();
  submitted({"1", "2", "3"});
  for (const auto* id : {"1", "2", "3"})
    state(id, job_state::pending, "PartitionTimeLimit");
  pass(1s);
  EXPECT_THAT(told(), ElementsAre("submit 3", "failed start 1 2 3", "cancel 1 2 3", "exhausted"));
  EXPECT_THAT(seen.last_text, HasSubstr("Jobs 1, 2 and 3 can never start: PartitionTimeLimit: ask for less."));
}

// -- queries ------------------------------------------------------------------------------------------------

TEST_F(job_fleet, asks_ever_more_seldom_while_nothing_changes) {
  start();
  submitted({"1", "2", "3"});
  pass(2min);
  EXPECT_THAT(queries, ElementsAre(1s, 3s, 5s, 9s, 17s, 33s, 63s, 93s));
  told();
}

TEST_F(job_fleet, hardly_ever_asks_while_all_nodes_are_connected) {
  start_and_enrol();
  pass(1h);
  EXPECT_THAT(queries.size(), testing::Le(13U));
}

TEST_F(job_fleet, asks_at_once_when_a_node_has_gone_or_somebody_wants_to_know_but_never_twice_in_two_seconds) {
  start_and_enrol();
  pass(20s);
  queries.clear();
  core->asked_why(now);
  ASSERT_TRUE(seen.open_query);
  answer();
  core->asked_why(now);
  ended(101);
  EXPECT_FALSE(seen.open_query);
  pass(3s);
  EXPECT_THAT(queries, ElementsAre(22s));
}

TEST_F(job_fleet, asks_again_when_a_node_has_gone_while_slurm_was_asked) {
  start_and_enrol();
  ended(101);
  pass(50s);
  core->asked_why(now);
  ended(102);
  answer();
  queries.clear();
  pass(3s);
  EXPECT_THAT(queries, ElementsAre(52s));
}

TEST_F(job_fleet, changes_nothing_while_squeue_fails) {
  start_and_enrol();
  squeue_works = false;
  ended(101);
  ended(102);
  jobs.clear();
  queries.clear();
  pass(10min);
  EXPECT_THAT(told(), IsEmpty()) << "nobody knows whether they will come back";
  EXPECT_THAT(report().sentence, HasSubstr("Unable to contact slurm controller"));
  EXPECT_THAT(queries.size(), testing::Le(23U));
  squeue_works = true;
  jobs.emplace("1", status_of("1", job_state::running));
  jobs.emplace("2", status_of("2", job_state::node_failed));
  jobs.emplace("3", status_of("3", job_state::running));
  pass(30s);
  EXPECT_THAT(told(), ElementsAre("gone 2 at 102: node_failed, by infrastructure", "submit 1"));
  submitted({"4"});
  pass(30s);
  EXPECT_THAT(told(), ElementsAre("submit 1")) << "the other is given up as well";
}

TEST_F(job_fleet, takes_a_job_that_slurm_does_not_list_any_more_for_over) {
  start_and_enrol();
  ended(101);
  jobs.erase("1");
  pass(5s);
  EXPECT_THAT(told(), ElementsAre("gone 1 at 101: unknown", "submit 1"));
  EXPECT_THAT(seen.last_text, HasSubstr("closed the connection"));
}

TEST_F(job_fleet, believes_a_connected_node_more_than_an_answer_that_leaves_it_out) {
  start_and_enrol();
  jobs.clear();
  pass(10min);
  EXPECT_EQ(report().enrolled, 3U);
}

TEST_F(job_fleet, ignores_what_slurm_said_before_the_node_enrolled) {
  start();
  submitted({"1", "2", "3"});
  now += 1s;
  core->tick(now);
  ASSERT_TRUE(seen.open_query);
  EXPECT_TRUE(core->node_enrolled(now, "1", {101}, {}));
  answer();
  EXPECT_EQ(report().enrolled, 1U);
  EXPECT_EQ(report().pending, 2U);
  told();
}

// -- ends ---------------------------------------------------------------------------------------------------

TEST_F(job_fleet, tells_why_a_node_has_gone_and_whether_a_task_may_be_to_blame) {
  settings.size = 8;
  start_and_enrol();
  pass(10min);
  const std::vector<std::pair<job_state, std::string>> ends{
      {job_state::timed_out, "timed_out, by infrastructure"},
      {job_state::preempted, "preempted, by infrastructure"},
      {job_state::node_failed, "node_failed, by infrastructure"},
      {job_state::cancelled, "cancelled, by infrastructure"},
      {job_state::out_of_memory, "out_of_memory"},
      {job_state::failed, "failed"},
      {job_state::completed, "completed"},
      {job_state::pending, "requeued, by infrastructure"},
  };
  for (std::size_t i = 0; i < ends.size(); ++i) {
    auto id = std::to_string(i + 1);
    ended(101 + i);
    EXPECT_THAT(told(), IsEmpty()) << "nothing is known yet";
    state(id, job_state::completing);
    pass(3s);
    EXPECT_THAT(told(), IsEmpty());
    state(id, ends[i].first);
    pass(10s);
    auto heard = told();
    ASSERT_THAT(heard, testing::SizeIs(testing::Ge(1U)));
    EXPECT_EQ(heard.front(), "gone " + id + " at " + std::to_string(101 + i) + ": " + ends[i].second);
    if (heard.size() > 1) {
      EXPECT_EQ(heard[1], "submit 1");
      submitted({"new " + id});
      EXPECT_TRUE(enrol("new " + id, 201 + i));
    }
    pass(1min);
    told();
  }
}

TEST_F(job_fleet, replaces_a_job_that_the_infrastructure_has_lost) {
  start_and_enrol();
  pass(10min);
  ended(101);
  state("1", job_state::node_failed);
  pass(2s);
  EXPECT_THAT(told(), ElementsAre("gone 1 at 101: node_failed, by infrastructure", "submit 1"));
}

TEST_F(job_fleet, waits_longer_and_longer_when_new_jobs_are_lost_again_and_again) {
  settings.size = 1;
  start_and_enrol();
  std::vector<seconds> delays;
  for (std::uint64_t i = 1; i <= 8; ++i) {
    pass(10s);
    ended(100 + i);
    state(std::to_string(i), job_state::preempted);
    seconds waited{0};
    for (; seen.told.empty() || !seen.told.back().starts_with("submit"); ++waited) {
      ASSERT_LT(waited, 10min);
      pass(1s);
      if (waited == 5s) {
        EXPECT_EQ(report().sentence, "0 of 1 job at work. Several ended early; they are replaced with growing delay.");
      }
    }
    delays.push_back(waited);
    submitted({std::to_string(i + 1)});
    EXPECT_TRUE(enrol(std::to_string(i + 1), 101 + i));
    told();
  }
  EXPECT_THAT(delays, ElementsAre(1s, 11s, 21s, 41s, 81s, 161s, 301s, 301s));
  pass(1h);
  ended(109);
  state("9", job_state::preempted);
  pass(2s);
  EXPECT_THAT(told(), ElementsAre("gone 9 at 109: preempted, by infrastructure", "submit 1"));
}

TEST_F(job_fleet, expects_a_requeued_job_again_and_does_not_replace_it) {
  start_and_enrol();
  ended(101);
  state("1", job_state::pending, "BeginTime");
  pass(4min);
  EXPECT_THAT(told(), ElementsAre("gone 1 at 101: requeued, by infrastructure"));
  EXPECT_TRUE(enrol("1", 201));
  pass(10min);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(job_fleet, knows_of_a_requeue_although_the_old_node_is_still_connected) {
  start_and_enrol();
  pass(10s);
  state("1", job_state::requeued);
  core->asked_why(now);
  pass(3s);
  EXPECT_EQ(report().enrolled, 2U);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_TRUE(enrol("1", 201));
  EXPECT_THAT(told(), ElementsAre("gone 1 at 101: requeued, by infrastructure"));
  ended(101);
  EXPECT_EQ(report().enrolled, 3U) << "that was the old one";
}

TEST_F(job_fleet, replaces_a_requeued_job_that_does_not_come_back_in_time) {
  start_and_enrol();
  pass(10min);
  ended(101);
  state("1", job_state::requeued, "JobHeldUser");
  pass(300s);
  EXPECT_THAT(told(), ElementsAre("gone 1 at 101: requeued, by infrastructure"));
  pass(1s);
  EXPECT_THAT(told(), ElementsAre("cancel 1", "submit 1"));
}

TEST_F(job_fleet, takes_the_newer_of_two_nodes_of_the_same_job) {
  start_and_enrol();
  EXPECT_TRUE(enrol("1", 201));
  EXPECT_THAT(told(), ElementsAre("gone 1 at 101: superseded, by infrastructure"));
  ended(101);
  EXPECT_EQ(report().enrolled, 3U);
  ended(201);
  EXPECT_EQ(report().enrolled, 2U);
}

TEST_F(job_fleet, takes_a_node_back_whose_connection_was_cut) {
  start_and_enrol();
  ended(101);
  EXPECT_TRUE(enrol("1", 201));
  EXPECT_THAT(told(), ElementsAre("gone 1 at 101: superseded, by infrastructure"));
  EXPECT_EQ(report().enrolled, 3U);
}

TEST_F(job_fleet, replaces_a_silent_node_before_slurm_has_noticed_and_waits_for_its_verdict) {
  start_and_enrol();
  pass(10min);
  ended(101);
  pass(59s);
  EXPECT_THAT(told(), IsEmpty());
  pass(1s);
  EXPECT_THAT(told(), ElementsAre("submit 1"));
  submitted({"4"});
  EXPECT_TRUE(enrol("4", 104));
  pass(240s);
  EXPECT_THAT(told(), IsEmpty());
  state("1", job_state::node_failed);
  pass(30s);
  EXPECT_THAT(told(), ElementsAre("gone 1 at 101: node_failed, by infrastructure"));
}

TEST_F(job_fleet, does_not_wait_for_ever_for_the_verdict) {
  settings.size = 2;
  start_and_enrol();
  pass(10min);
  ended(101);
  ended(102);
  state("2", job_state::suspended);
  pass(60s);
  EXPECT_THAT(told(), ElementsAre("submit 2"));
  submitted({"3", "4"});
  EXPECT_TRUE(enrol("3", 103));
  EXPECT_TRUE(enrol("4", 104));
  pass(400s);
  EXPECT_THAT(told(),
              ElementsAre("gone 1 at 101: unknown", "gone 2 at 102: preempted, by infrastructure", "cancel 1 2"));
}

TEST_F(job_fleet, cancels_a_pending_replacement_when_the_lost_job_comes_back) {
  start_and_enrol();
  pass(10min);
  ended(101);
  pass(60s);
  EXPECT_THAT(told(), ElementsAre("submit 1"));
  submitted({"4"});
  EXPECT_TRUE(enrol("1", 201));
  EXPECT_THAT(told(), ElementsAre("gone 1 at 101: superseded, by infrastructure"));
  pass(58s);
  EXPECT_THAT(told(), IsEmpty());
  pass(35s);
  EXPECT_THAT(told(), ElementsAre("cancel 4"));
}

TEST_F(job_fleet, tells_the_end_of_a_node_that_outlives_its_job) {
  start_and_enrol();
  pass(10min);
  state("1", job_state::node_failed);
  core->asked_why(now);
  pass(3s);
  EXPECT_THAT(told(), ElementsAre("submit 1"));
  EXPECT_FALSE(enrol("1", 201));
  ended(101);
  EXPECT_THAT(told(), ElementsAre("gone 1 at 101: node_failed, by infrastructure"));
}

TEST_F(job_fleet, does_not_replace_jobs_that_somebody_has_cancelled) {
  start_and_enrol();
  ended(101);
  state("1", job_state::cancelled);
  pass(1h);
  EXPECT_THAT(told(), ElementsAre("gone 1 at 101: cancelled, by infrastructure"));
  EXPECT_EQ(report().sentence, "2 of 2 jobs at work. Jobs were cancelled from outside, and are not replaced.");
  for (auto node : {102U, 103U})
    ended(node);
  state("2", job_state::cancelled);
  state("3", job_state::cancelled);
  pass(10s);
  EXPECT_THAT(told(), ElementsAre("gone 2 at 102: cancelled, by infrastructure",
                                  "gone 3 at 103: cancelled, by infrastructure", "exhausted"));
  core->resume(now);
  EXPECT_THAT(told(), ElementsAre("submit 3"));
}

TEST_F(job_fleet, does_not_take_a_cancelled_pending_job_for_a_failed_start) {
  start();
  submitted({"1", "2", "3"});
  for (const auto* id : {"1", "2", "3"})
    state(id, job_state::cancelled);
  pass(10s);
  EXPECT_THAT(told(), ElementsAre("submit 3", "exhausted"));
  EXPECT_EQ(seen.last_text, "All jobs were cancelled.");
}

// -- walltime -----------------------------------------------------------------------------------------------

TEST_F(job_fleet, replaces_jobs_before_their_walltime_is_over) {
  settings.size = 2;
  start_and_enrol(1h);
  EXPECT_EQ(core->lead_time(1h), 30s) << "jobs start at once here";
  pass(1h - 31s);
  EXPECT_THAT(told(), IsEmpty());
  pass(1s);
  EXPECT_THAT(told(), UnorderedElementsAre("submit 2", "drain 1 at 101", "drain 2 at 102"));
}

TEST_F(job_fleet, hands_over_when_the_replacement_is_there) {
  settings.size = 1;
  start();
  submitted({"1"});
  pass(100s);
  told();
  EXPECT_TRUE(enrol("1", 101, 1h));
  EXPECT_EQ(core->lead_time(1h), 130s);
  pass(1h - 130s);
  EXPECT_THAT(told(), ElementsAre("submit 1"));
  submitted({"2"});
  pass(50s);
  EXPECT_THAT(told(), IsEmpty()) << "the old one works as long as it can";
  EXPECT_TRUE(enrol("2", 102, 1h));
  EXPECT_THAT(told(), ElementsAre("drain 1 at 101"));
  ended(101, departure::left);
  state("1", job_state::completed);
  pass(10min);
  EXPECT_THAT(told(), IsEmpty()) << "it left as it was asked to";
}

TEST_F(job_fleet, drains_a_job_before_its_walltime_although_its_replacement_is_pending) {
  settings.size = 1;
  start();
  submitted({"1"});
  pass(100s);
  told();
  EXPECT_TRUE(enrol("1", 101, 1h));
  pass(1h - 130s);
  EXPECT_THAT(told(), ElementsAre("submit 1"));
  submitted({"2"});
  pass(99s);
  EXPECT_THAT(told(), IsEmpty());
  pass(1s);
  EXPECT_THAT(told(), ElementsAre("drain 1 at 101"));
}

TEST_F(job_fleet, never_takes_more_than_a_third_of_the_walltime_for_the_change) {
  start();
  EXPECT_EQ(core->lead_time(0s), 60s) << "before there is experience";
  EXPECT_EQ(core->lead_time(10min), 60s);
  EXPECT_EQ(core->lead_time(1min), 20s);
  submitted({"1", "2", "3"});
  pass(2h);
  EXPECT_TRUE(enrol("1", 101, 1h));
  EXPECT_EQ(core->lead_time(1h), 20min);
  EXPECT_EQ(core->lead_time(24h), 30min);
  told();
}

TEST_F(job_fleet, hears_of_a_walltime_that_was_changed) {
  settings.size = 1;
  start_and_enrol(1h);
  jobs.at("1").time_left = 10h;
  pass(2h);
  EXPECT_THAT(told(), IsEmpty());
  pass(8h - 30s);
  EXPECT_THAT(told(), UnorderedElementsAre("submit 1", "drain 1 at 101"));
}

TEST_F(job_fleet, keeps_its_size_for_longer_than_any_walltime) {
  settings.size = 4;
  start();
  std::uint64_t next = 0;
  std::size_t low = 0;
  std::size_t submissions = 0;
  std::map<std::string, std::pair<std::uint64_t, time_point>> nodes; // and when each enrols
  for (seconds gone{0}; gone < 6h; gone += 1s) {
    for (const auto& what : told()) {
      if (what.starts_with("submit ")) {
        names ids(std::stoul(what.substr(7)));
        for (auto& id : ids) {
          id = std::to_string(++next);
          nodes[id] = {next, now + 15s};
        }
        submitted(ids);
        ++submissions;
      } else {
        ASSERT_THAT(what, StartsWith("drain "));
        auto id = what.substr(6, what.find(" at") - 6);
        ended(nodes.at(id).first, departure::left);
        nodes.erase(id);
        state(id, job_state::completed);
      }
    }
    for (const auto& [id, node] : nodes)
      if (node.second == now) {
        EXPECT_TRUE(enrol(id, node.first, 10min));
      }
    low += report().enrolled < 4 && gone > 30s;
    EXPECT_LE(report().enrolled, 4U + 4U);
    pass(1s);
  }
  EXPECT_EQ(low, 0U) << "seconds with fewer than 4 nodes";
  EXPECT_LE(submissions, 6 * 60 / 9 + 2) << "four jobs in one submission";
  told();
}

// -- adaptive -----------------------------------------------------------------------------------------------

TEST_F(job_fleet, grows_at_once_to_what_is_wanted_up_to_its_maximum) {
  adaptive(0, 10, 2);
  start_and_enrol();
  pass(5s);
  wanted(7);
  EXPECT_THAT(told(), ElementsAre("submit 5"));
  submitted({"3", "4", "5", "6", "7"});
  pass(5s);
  wanted(1000);
  EXPECT_THAT(told(), ElementsAre("submit 3"));
  EXPECT_EQ(core->target(), 10U);
}

TEST_F(job_fleet, shrinks_only_when_less_was_wanted_for_a_while_idle_jobs_first) {
  adaptive(1, 10, 4);
  start_and_enrol();
  wanted(3);
  pass(20s);
  wanted(4);
  pass(1s);
  wanted(0);
  pass(29s);
  wanted(2, {"3"});
  EXPECT_THAT(told(), IsEmpty());
  pass(1s);
  EXPECT_THAT(told(),
              ElementsAre("drain 3 at 103", testing::AnyOf("drain 1 at 101", "drain 2 at 102", "drain 4 at 104")))
      << "two are wanted still";
  wanted(0);
  pass(30s);
  EXPECT_THAT(told(), testing::SizeIs(1)) << "down to the minimum";
}

TEST_F(job_fleet, does_not_flap) {
  adaptive(0, 10, 2);
  start_and_enrol();
  pass(5s);
  for (int i = 0; i < 100; ++i) {
    wanted(i % 2 == 0 ? 0 : 2);
    pass(7s);
  }
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(job_fleet, cancels_pending_jobs_that_are_not_needed_but_gives_each_its_chance) {
  adaptive(0, 10, 2);
  start_and_enrol();
  pass(5s);
  wanted(4);
  submitted({"3", "4"});
  pass(5s);
  wanted(5);
  submitted({"5"});
  EXPECT_THAT(told(), ElementsAre("submit 2", "submit 1"));
  wanted(3);
  pass(54s);
  EXPECT_THAT(told(), IsEmpty()) << "nor is one drained that works";
  pass(3s);
  EXPECT_THAT(told(), ElementsAre("cancel 4 3")) << "5 is too young";
  wanted(0);
  state("5", job_state::running);
  pass(40s);
  EXPECT_THAT(told(), ElementsAre("drain 1 at 101", "drain 2 at 102"));
  EXPECT_TRUE(enrol("5", 105)) << "one that runs is not cancelled";
  EXPECT_THAT(told(), ElementsAre("drain 5 at 105"));
}

TEST_F(job_fleet, cancels_nothing_as_pending_that_may_have_started_since) {
  adaptive(0, 10, 2);
  start();
  submitted({"1", "2"});
  pass(1min);
  squeue_works = false;
  wanted(0);
  pass(2min);
  EXPECT_THAT(told(), ElementsAre("submit 2"));
  state("1", job_state::running);
  squeue_works = true;
  pass(30s);
  EXPECT_THAT(told(), ElementsAre("cancel 2"));
}

TEST_F(job_fleet, comes_down_to_nothing_without_being_exhausted) {
  adaptive(0, 10, 1);
  start_and_enrol();
  wanted(0);
  pass(30s);
  EXPECT_THAT(told(), ElementsAre("drain 1 at 101"));
  ended(101, departure::left);
  state("1", job_state::completed);
  pass(10min);
  EXPECT_THAT(told(), IsEmpty());
  wanted(1);
  EXPECT_THAT(told(), ElementsAre("submit 1"));
}

TEST_F(job_fleet, cancels_the_job_of_a_node_that_has_left_when_it_does_not_end) {
  adaptive(0, 10, 1);
  start_and_enrol();
  wanted(0);
  pass(30s);
  EXPECT_THAT(told(), ElementsAre("drain 1 at 101"));
  ended(101, departure::left);
  pass(60s);
  EXPECT_THAT(told(), ElementsAre("cancel 1"));
}

TEST_F(job_fleet, tells_the_end_of_a_draining_node_that_did_not_leave_well) {
  adaptive(0, 10, 1);
  start_and_enrol();
  wanted(0);
  pass(30s);
  EXPECT_THAT(told(), ElementsAre("drain 1 at 101"));
  ended(101);
  state("1", job_state::out_of_memory);
  pass(10s);
  EXPECT_THAT(told(), ElementsAre("gone 1 at 101: out_of_memory"));
}

TEST_F(job_fleet, tells_nothing_of_a_node_that_leaves_as_asked_after_its_job_is_over) {
  adaptive(0, 10, 1);
  start_and_enrol();
  wanted(0);
  pass(30s);
  state("1", job_state::completed);
  core->asked_why(now);
  pass(3s);
  ended(101, departure::left);
  EXPECT_THAT(told(), ElementsAre("drain 1 at 101"));
  EXPECT_TRUE(core->all_over());
}

TEST_F(job_fleet, cancels_a_draining_job_that_is_requeued) {
  adaptive(0, 10, 1);
  start_and_enrol();
  wanted(0);
  pass(30s);
  EXPECT_THAT(told(), ElementsAre("drain 1 at 101"));
  ended(101);
  state("1", job_state::requeued);
  pass(3s);
  EXPECT_THAT(told(), ElementsAre("gone 1 at 101: requeued, by infrastructure", "cancel 1"));
}

TEST_F(job_fleet, shrinks_an_adaptive_fleet_below_what_was_cancelled) {
  adaptive(1, 10, 3);
  start_and_enrol();
  wanted(3);
  ended(101);
  state("1", job_state::cancelled);
  pass(10s);
  wanted(8);
  pass(10s);
  EXPECT_THAT(told(), ElementsAre("gone 1 at 101: cancelled, by infrastructure"));
  EXPECT_EQ(core->target(), 2U);
}

// -- the end ------------------------------------------------------------------------------------------------

TEST_F(job_fleet, cancels_all_that_is_not_over_when_it_stops) {
  settings.size = 5;
  start_and_enrol();
  pass(10min);
  state("1", job_state::node_failed);
  ended(101);
  ended(102);
  pass(5s);
  EXPECT_THAT(told(), ElementsAre("gone 1 at 101: node_failed, by infrastructure", "submit 1"));
  submitted({"6"});
  core->stop(now);
  EXPECT_THAT(told(), ElementsAre("cancel 2 3 4 5 6"));
  EXPECT_FALSE(enrol("6", 106));
  EXPECT_FALSE(core->all_over());
  for (auto node : {103U, 104U, 105U})
    ended(node);
  for (auto* id : {"2", "3", "4", "5", "6"})
    state(id, job_state::cancelled);
  pass(10s);
  EXPECT_TRUE(core->all_over());
  wanted(100);
  core->resume(now);
  pass(1h);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(job_fleet, cancels_a_submission_that_is_answered_after_the_stop) {
  start();
  core->stop(now);
  EXPECT_THAT(told(), ElementsAre("submit 3"));
  EXPECT_FALSE(core->all_over());
  submitted({"1", "2", "3"});
  EXPECT_THAT(told(), ElementsAre("cancel 1 2 3"));
  EXPECT_FALSE(core->all_over());
}

TEST_F(job_fleet, cancels_again_what_is_still_there) {
  scancel_works = false;
  start_and_enrol();
  core->stop(now);
  EXPECT_THAT(told(), ElementsAre("cancel 1 2 3"));
  state("1", job_state::cancelled);
  state("2", job_state::completing);
  pass(20s);
  EXPECT_THAT(told(), ElementsAre("cancel 3"));
}

TEST_F(job_fleet, refuses_settings_that_make_no_sense) {
  settings.size = 0;
  EXPECT_THROW((job_fleet_core{seen, settings}), std::invalid_argument);
  settings.size = 1;
  settings.minimum = 2;
  EXPECT_THROW((job_fleet_core{seen, settings}), std::invalid_argument);
}

// -- simulation ---------------------------------------------------------------------------------------------

/// A simulated SLURM with a queue, walltimes and failures, and the nodes of its jobs. Checks each effect of the core
/// against the true state.
class simulation : job_fleet_effects {
public:
  explicit simulation(unsigned seed)
      : random_{seed},
        strict_{below(3) == 0},
        settings_{random_settings()},
        core_{*this, settings_} {}

  void run() {
    core_.start(now_);
    after();
    for (auto end = now_ + 1h; now_ < end && ok();)
      step(1 + below(5));
    if (ok())
      calm_down();
    for (auto end = now_ + 3h; ok() && !has_converged();) {
      step(5);
      ASSERT_LT(now_, end) << "the size does not come to " << core_.target() << ": " << to_text();
    }
    if (ok())
      stay();
    if (ok())
      stop();
  }

  std::map<std::string, int> happened;

private:
  struct job {
    job_state state = job_state::pending;
    std::string reason = "Priority";
    std::optional<time_point> next; ///< end of the state: the job starts, its node enrols, it has ended, it is purged
    time_point started{};
    seconds walltime{0};
    job_state then = job_state::unknown; ///< after completing
    bool unwanted = false;               ///< the core has cancelled or drained it, or refused its node
    node_id node;                        ///< the last node
    std::optional<time_point> noticed;   ///< when SLURM notices that the machine is dead
  };
  struct node {
    std::string unit;
    bool connected = true;
    bool draining = false;
    bool told = false;
    std::set<end_cause> causes; ///< that SLURM may report
    std::optional<time_point> leaves;
    std::optional<time_point> disconnects;
  };
  struct call {
    time_point done;
    submission_id id;
    names units;
    bool fails = false;
    bool permanent = false;
  };
  struct question {
    time_point done;
    std::vector<job_status> answer; ///< made at the query, outdated at `done`
  };
  using job_entry = std::map<std::string, job>::value_type;

  static bool ok() { return !testing::Test::HasFailure(); }
  std::uint64_t below(std::uint64_t n) { return std::uniform_int_distribution<std::uint64_t>{0, n - 1}(random_); }
  seconds up_to(std::uint64_t n) { return seconds{static_cast<std::int64_t>(below(n + 1))}; }
  /// True with a probability of n / 1000, until `calm_`.
  bool mishap(std::uint64_t n) { return !calm_ && below(1000) < n; }
  static bool is_alive(const job& of) {
    return of.state == job_state::pending || of.state == job_state::running || of.state == job_state::suspended ||
           of.state == job_state::configuring || of.state == job_state::requeued;
  }

  fleet_settings random_settings() {
    fleet_settings made;
    made.size = 1 + below(8);
    if (below(2) == 0) {
      made.minimum = below(3);
      made.maximum = made.minimum + 1 + below(8);
      made.size = made.minimum + below(made.maximum - made.minimum + 1);
    }
    made.can_never_start = [](std::string_view reason) { return reason == "PartitionConfig"; };
    walltime_ = strict_ || below(3) == 0 ? 0s : 300s + up_to(1200);
    queue_ = 1 + below(120);
    bad_starts_ = below(3) == 0 ? 500 : 30;
    return made;
  }
  bool adaptive() const { return settings_.minimum < settings_.maximum; }
  std::size_t largest() const { return adaptive() ? settings_.maximum : settings_.size; }

  // Effects of the core.

  void submit(submission_id request, std::size_t count) override {
    EXPECT_FALSE(stopped_) << "submitted after the stop";
    EXPECT_FALSE(sbatch_) << "two submissions at a time";
    EXPECT_TRUE(!last_submit_ || now_ - *last_submit_ >= settings_.submission_interval);
    EXPECT_TRUE(count >= 1 && count <= largest());
    last_submit_ = now_;
    ++happened["submissions"];
    sbatch_ = call{now_ + up_to(mishap(100) ? 40 : 2), request, {}, false, false};
    if (is_down() || mishap(100)) {
      sbatch_->fails = true;
      sbatch_->permanent = mishap(50);
      ++happened[sbatch_->permanent ? "refused for good" : "refused"];
      return;
    }
    ++last_job_;
    for (std::size_t i = 0; i < count; ++i) {
      auto id = std::to_string(last_job_) + (count == 1 ? "" : "_" + std::to_string(i));
      auto& made = jobs_[id];
      made.walltime = walltime_;
      queue(made);
      if (mishap(10)) {
        made.reason = "PartitionConfig";
        made.next.reset();
      }
      sbatch_->units.push_back(id);
    }
  }

  void query(const names& units) override {
    EXPECT_FALSE(squeue_) << "two queries at a time";
    EXPECT_TRUE(!last_query_ || now_ - *last_query_ >= settings_.query_interval);
    last_query_ = now_;
    ++queries_;
    squeue_ = question{now_ + up_to(mishap(50) ? 20 : 1), {}};
    for (const auto& id : units) {
      EXPECT_TRUE(ours_.contains(id)) << id << " is not ours";
      auto found = jobs_.find(id);
      if (found == jobs_.end())
        continue;
      const auto& of = found->second;
      auto status = status_of(id, of.state, of.reason);
      if (of.walltime != 0s && of.state == job_state::running)
        status.time_left = std::chrono::duration_cast<seconds>(of.started + of.walltime - now_);
      squeue_->answer.push_back(status);
    }
    std::shuffle(squeue_->answer.begin(), squeue_->answer.end(), random_);
  }

  void cancel(const names& units) override {
    EXPECT_EQ((std::set<std::string>{units.begin(), units.end()}.size()), units.size());
    for (const auto& id : units) {
      EXPECT_TRUE(ours_.contains(id)) << id << " is not ours";
      auto found = jobs_.find(id);
      if (found == jobs_.end())
        continue;
      auto& of = found->second;
      EXPECT_TRUE(stopped_ || !of.node || !nodes_.at(of.node).connected || of.state == job_state::pending ||
                  of.state == job_state::requeued || nodes_.at(of.node).causes.contains(end_cause::requeued))
          << "cancelled a job that works";
      happened["cancelled again"] += of.unwanted;
      of.unwanted = true;
      if (below(10) == 0)
        ++happened["scancel failed"];
      else
        end(*found, job_state::cancelled);
    }
    ++happened[stopped_ ? "cancelled at the end" : "cancelled"];
  }

  void drain(const std::string& unit, node_id id) override {
    auto& of = nodes_.at(id);
    EXPECT_EQ(of.unit, unit);
    EXPECT_FALSE(std::exchange(of.draining, true)) << "drained twice";
    if (auto found = jobs_.find(unit); found != jobs_.end() && found->second.node == id)
      found->second.unwanted = true;
    if (!mishap(100))
      of.leaves = now_ + up_to(25);
    ++happened["drained"];
  }

  void node_gone(const node_end& what) override {
    EXPECT_FALSE(stopped_);
    auto& of = nodes_.at(what.node);
    EXPECT_EQ(of.unit, what.unit);
    EXPECT_FALSE(std::exchange(of.told, true)) << "told twice of the end of a node";
    auto truth = what.cause == end_cause::superseded ? end_cause::requeued : what.cause;
    EXPECT_TRUE(truth == end_cause::unknown || of.causes.contains(truth)) << what.text;
    ++happened[std::string{"gone: "} + name_of(what.cause)];
  }

  void failed_start(const names& units, const std::string& sentence) override {
    EXPECT_FALSE(stopped_ || units.empty() || sentence.empty());
    ++happened["failed start"];
  }

  void exhausted(const std::string& sentence) override {
    EXPECT_FALSE(stopped_ || sentence.empty());
    EXPECT_FALSE(sbatch_);
    for (const auto& [id, of] : nodes_)
      EXPECT_FALSE(of.connected && !of.told) << "a node works";
    ++happened["exhausted"];
  }

  void report(const fleet_report& now) override { report_ = now; }

  // Events of SLURM.

  bool is_down() const { return now_ < down_until_; }

  void queue(job& of) {
    of.state = job_state::pending;
    of.reason = "Priority";
    of.next = now_ + up_to(queue_);
  }

  /// Adds a cause that may be reported for the end of a job's node, if the job has one.
  void cause(const job& of, end_cause what) {
    if (of.node)
      nodes_.at(of.node).causes.insert(what);
  }

  void disconnect(const job& of, seconds in) {
    if (!of.node)
      return;
    auto& at = nodes_.at(of.node).disconnects;
    at = at ? std::min(*at, now_ + in) : now_ + in;
  }

  void end(job_entry& which, job_state as) {
    auto& of = which.second;
    if (!is_alive(of))
      return;
    static const std::map<job_state, end_cause> causes{{job_state::completed, end_cause::completed},
                                                       {job_state::cancelled, end_cause::cancelled},
                                                       {job_state::failed, end_cause::failed},
                                                       {job_state::timed_out, end_cause::timed_out},
                                                       {job_state::preempted, end_cause::preempted},
                                                       {job_state::node_failed, end_cause::node_failed},
                                                       {job_state::out_of_memory, end_cause::out_of_memory}};
    cause(of, causes.at(as));
    if (as != job_state::node_failed)
      disconnect(of, up_to(3));
    bool at_once = of.state == job_state::pending || of.state == job_state::requeued || as == job_state::node_failed;
    of.state = job_state::completing;
    of.then = as;
    of.next = now_ + (at_once ? 0s : up_to(5));
    of.noticed.reset();
    advance(which);
  }

  void requeue(job& of) {
    cause(of, end_cause::requeued);
    of.noticed.reset();
    queue(of);
    of.state = below(3) == 0 ? job_state::requeued : job_state::pending;
    if (mishap(100)) {
      of.reason = "JobHeldUser";
      of.next.reset();
    }
    ++happened["requeued"];
  }

  /// The machine of a job fails.
  void fail_machine(job_entry& which) {
    auto& of = which.second;
    disconnect(of, below(3) == 0 ? up_to(200) : 30s); // the process may go on for some time
    of.next.reset();
    if (of.noticed)
      return;
    if (strict_ || below(2) == 0)
      machine_noticed(which);
    else
      of.noticed = now_ + up_to(300);
  }

  void machine_noticed(job_entry& which) {
    if (strict_ || below(2) == 0)
      end(which, job_state::node_failed);
    else
      requeue(which.second);
  }

  void advance(job_entry& which) {
    auto& [id, of] = which;
    if (of.noticed && *of.noticed <= now_)
      machine_noticed(which);
    if (of.walltime != 0s && of.state == job_state::running && of.started + of.walltime + 30s < now_)
      end(which, job_state::timed_out);
    if (!of.next || now_ < *of.next)
      return;
    switch (of.state) {
    case job_state::pending:
    case job_state::requeued:
      of.state = mishap(100) ? job_state::configuring : job_state::running;
      of.reason.clear();
      of.started = now_;
      of.next = now_ + up_to(10);
      return;
    case job_state::configuring:
      of.state = job_state::running;
      of.started = now_;
      of.next = now_ + up_to(10);
      return;
    case job_state::running:
      of.next.reset();
      if (mishap(bad_starts_))
        end(which, below(2) == 0 ? job_state::failed : job_state::node_failed);
      else if (!mishap(20))
        enrol(which);
      else
        ++happened["hangs"];
      return;
    case job_state::suspended:
      of.state = job_state::running;
      end(which, job_state::completed);
      return;
    case job_state::completing:
      of.state = of.then;
      of.reason = below(2) == 0 ? "" : "NonZeroExitCode";
      of.next = now_ + 300s;
      return;
    default:
      of.state = job_state::unknown; // it is purged
      return;
    }
  }

  void enrol(job_entry& which) {
    auto& [id, of] = which;
    node_id made{++last_node_};
    std::optional<seconds> left;
    if (of.walltime != 0s)
      left = std::chrono::duration_cast<seconds>(of.started + of.walltime - now_);
    auto old = of.node;
    of.node = made;
    nodes_[made].unit = id;
    if (core_.node_enrolled(now_, id, made, left)) {
      ++happened[ours_.contains(id) ? "enrolled" : "enrolled before sbatch had ended"];
      EXPECT_TRUE(!old || nodes_.at(old).told || nodes_.at(old).draining)
          << "nobody has told what became of the old one";
    } else {
      ++happened["turned away"];
      of.unwanted = true;
      nodes_.at(made).connected = false;
      end(which, job_state::completed);
    }
    after();
  }

  void finish_sbatch() {
    if (!sbatch_ || now_ < sbatch_->done)
      return;
    auto ended = *std::exchange(sbatch_, {});
    ours_.insert(ended.units.begin(), ended.units.end());
    if (ended.fails)
      core_.submit_failed(now_, ended.id, "sbatch: error: Batch job submission failed", ended.permanent);
    else
      core_.submitted(now_, ended.id, ended.units);
    after();
  }

  void finish_squeue() {
    if (!squeue_ || now_ < squeue_->done)
      return;
    auto ended = *std::exchange(squeue_, {});
    if (is_down() || mishap(50)) {
      core_.query_failed(now_, "slurm_load_jobs error");
      ++happened["query failed"];
    } else {
      core_.statuses(now_, ended.answer);
    }
    after();
  }

  void move_nodes() {
    for (auto& [id, of] : nodes_) {
      bool leaves = of.leaves && *of.leaves <= now_;
      if (!of.connected || (!leaves && (!of.disconnects || now_ < *of.disconnects)))
        continue;
      of.connected = false;
      if (auto found = jobs_.find(of.unit); leaves && found != jobs_.end() && found->second.node == id)
        end(*found, job_state::completed);
      core_.node_ended(now_, id, leaves ? departure::left : departure::lost, "closed the connection");
      after();
    }
    std::erase_if(
        nodes_, [&](const auto& n) { return !n.second.connected && n.second.told && !jobs_.contains(n.second.unit); });
  }

  void misfortune() {
    if (jobs_.empty())
      return;
    auto& which = *std::next(jobs_.begin(), static_cast<std::ptrdiff_t>(below(jobs_.size())));
    auto& of = which.second;
    if (!is_alive(of) || !ours_.contains(which.first))
      return;
    if (below(15) == 0) {
      end(which, job_state::cancelled);
      ++happened["cancelled by others"];
    }
    if (of.state != job_state::running)
      return;
    switch (below(8)) {
    case 0:
    case 1:
      fail_machine(which);
      break;
    case 2:
      end(which, job_state::preempted);
      break;
    case 3:
      if (strict_)
        break;
      disconnect(of, up_to(2));
      requeue(of);
      break;
    case 4:
      end(which, job_state::out_of_memory);
      break;
    case 5:
      end(which, job_state::failed);
      break;
    case 6:
      end(which, job_state::completed);
      break;
    case 7:
      if (strict_)
        break;
      of.state = job_state::suspended;
      of.next = now_ + up_to(900);
      cause(of, end_cause::preempted);
      disconnect(of, 30s);
      ++happened["suspended"];
      break;
    }
  }

  void want() {
    if (!calm_)
      need_ = below(12);
    names idle;
    for (const auto& [id, of] : nodes_)
      if (below(3) == 0)
        idle.push_back(of.unit);
    core_.wanted(now_, need_, idle);
    after();
  }

  void step(std::uint64_t dt) {
    now_ += seconds{static_cast<std::int64_t>(dt)};
    finish_sbatch();
    for (auto& which : jobs_)
      advance(which);
    std::erase_if(jobs_, [](const auto& j) { return j.second.state == job_state::unknown; });
    move_nodes();
    finish_squeue();
    core_.tick(now_);
    after();
    if (!stopped_ && below(5) == 0)
      want();
    if (mishap(1))
      down_until_ = now_ + up_to(600);
    if (mishap(misfortunes_))
      misfortune();
    if (mishap(3)) {
      core_.asked_why(now_);
      after();
    }
    if (mishap(1)) {
      core_.resume(now_);
      after();
    }
    happened["steps"] += 1;
    if (!strict_)
      return;
    auto alive = std::count_if(jobs_.begin(), jobs_.end(),
                               [](const auto& j) { return is_alive(j.second) && !j.second.unwanted; });
    EXPECT_LE(static_cast<std::size_t>(alive), largest()) << "too many jobs";
  }

  /// For messages: all jobs and nodes.
  std::string to_text() const {
    std::string all = report_.sentence;
    for (const auto& [id, of] : jobs_)
      all +=
          "\njob " + id + " " + std::string{to_string(of.state)} + " " + of.reason + (of.unwanted ? ", unwanted" : "");
    for (const auto& [id, of] : nodes_)
      if (of.connected)
        all += "\nnode " + text_of(id) + " of job " + of.unit + (of.draining ? ", draining" : "");
    return all + (sbatch_ ? "\nsbatch runs" : "") + (squeue_ ? "\nsqueue runs" : "");
  }

  void after() { ASSERT_NO_THROW(core_.check_invariants()); }

  // Expected outcomes.

  void calm_down() {
    calm_ = true;
    down_until_ = now_;
    queue_ = 20;
    walltime_ = strict_ || below(2) == 0 ? 0s : 1000s;
    for (auto& [id, of] : jobs_)
      of.walltime = std::max(of.walltime, walltime_) == 0s ? 0s : 1000s;
    for (auto& [id, of] : nodes_)
      if (of.draining && of.connected && !of.leaves)
        of.leaves = now_;
    for (auto& [id, of] : jobs_) {
      if (of.noticed)
        of.noticed = now_;
      if (of.reason == "JobHeldUser") // never seen running, so that the core does not know that it was requeued
        queue(of);
    }
  }

  /// Number of nodes that will go on working.
  std::size_t working() const {
    return static_cast<std::size_t>(std::count_if(nodes_.begin(), nodes_.end(), [](const auto& n) {
      return n.second.connected && !n.second.draining && !n.second.disconnects;
    }));
  }

  bool has_converged() const {
    auto others = report_.submitted + report_.pending + report_.starting + report_.draining + report_.lost;
    return walltime_ == 0s ? working() == core_.target() && others == 0 && core_.target() == report_.enrolled
                           : working() >= core_.target() && !core_.is_paused();
  }

  /// Without further failures the fleet keeps its size.
  void stay() {
    for (auto until = now_ + 26min; now_ < until;)
      step(5); // until the effects of earlier failures are over
    auto queries = queries_;
    std::size_t low = 0;
    for (int i = 0; i < 360 && ok(); ++i) {
      step(5);
      low += working() < core_.target();
    }
    EXPECT_LE(low, walltime_ == 0s ? 0U : 360U / 6) << "of 360 times there were fewer nodes than wanted";
    if (walltime_ == 0s) {
      EXPECT_LE(queries_ - queries, 7U) << "in half an hour in which nothing happens";
      EXPECT_EQ(working(), core_.target());
    }
    happened["converged to a target above none"] += core_.target() != 0;
    happened["times with fewer nodes than wanted"] += static_cast<int>(low);
  }

  void stop() {
    if (below(3) == 0)
      for (auto until = now_ + 1min; now_ < until && !sbatch_;) {
        need_ = below(12);
        want();
        step(1);
      }
    happened["stopped during a submission"] += sbatch_.has_value();
    stopped_ = true;
    core_.stop(now_);
    after();
    for (auto until = now_ + 30min; ok() && !core_.all_over();) {
      step(1 + below(5));
      ASSERT_LT(now_, until) << "some jobs are not known to be over: " << to_text();
    }
    for (const auto& [id, of] : jobs_)
      EXPECT_FALSE(is_alive(of)) << id << " outlives the fleet";
    happened["queries"] += static_cast<int>(queries_);
  }

  std::mt19937 random_;
  bool strict_; ///< no job is requeued, so that there are never too many
  seconds walltime_{0};
  std::uint64_t queue_ = 1;      ///< seconds
  std::uint64_t bad_starts_ = 0; ///< of 1000
  std::uint64_t misfortunes_ = 1 + below(60);
  fleet_settings settings_;
  job_fleet_core core_;
  time_point now_{1000h};
  bool calm_ = false;
  bool stopped_ = false;
  time_point down_until_{};
  std::map<std::string, job> jobs_; ///< all jobs that SLURM knows
  std::map<node_id, node> nodes_;
  std::set<std::string> ours_; ///< ids that sbatch has returned
  std::optional<call> sbatch_;
  std::optional<question> squeue_;
  std::optional<time_point> last_submit_;
  std::optional<time_point> last_query_;
  std::size_t queries_ = 0;
  std::size_t need_ = 3;
  std::uint64_t last_job_ = 0;
  std::uint64_t last_node_ = 0;
  fleet_report report_;
};

TEST(job_fleet_simulation, keeps_the_size_and_leaves_no_job_behind_whatever_happens) {
  std::map<std::string, int> happened;
  for (unsigned seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    simulation sim{seed};
    sim.run();
    if (testing::Test::HasFailure())
      return;
    for (const auto& [what, count] : sim.happened)
      happened[what] += count;
  }
  for (const auto* what : {"cancelled",
                           "cancelled again",
                           "cancelled at the end",
                           "cancelled by others",
                           "converged to a target above none",
                           "drained",
                           "enrolled",
                           "enrolled before sbatch had ended",
                           "exhausted",
                           "failed start",
                           "gone: cancelled",
                           "gone: completed",
                           "gone: failed",
                           "gone: node_failed",
                           "gone: out_of_memory",
                           "gone: preempted",
                           "gone: requeued",
                           "gone: superseded",
                           "gone: timed_out",
                           "gone: unknown",
                           "hangs",
                           "query failed",
                           "refused",
                           "refused for good",
                           "requeued",
                           "scancel failed",
                           "stopped during a submission",
                           "suspended",
                           "turned away"})
    EXPECT_GT(happened[what], 20) << what;
  // One run has about two hours, the first of them full of mishaps, and needs 177 queries and 37 submissions.
  EXPECT_LT(happened["queries"], 1000 * 250);
  EXPECT_LT(happened["submissions"], 1000 * 60);
}

} // namespace
} // namespace daskify::internal
