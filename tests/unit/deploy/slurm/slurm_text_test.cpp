#include "daskify/deploy/slurm/slurm_text.hpp"

#include "daskify/error.hpp"

#include <gtest/gtest.h>

using namespace daskify;
using namespace daskify::internal;
using namespace std::chrono_literals;

namespace {

/// The only job in squeue's output.
job_status parse_one(std::string_view line) {
  auto jobs = parse_squeue(line);
  EXPECT_EQ(jobs.size(), 1) << line;
  return jobs.empty() ? job_status{} : jobs.front();
}

job_state state_of(const std::string& name) {
  return parse_one("1|1|" + name + "|0:10|n1|None").state;
}

} // namespace

// The lines are squeue's own, of SLURM 22.05.

TEST(slurm_text, tells_of_a_running_task_of_an_array) {
  auto job = parse_one("52_0|53|RUNNING|59:59|n1|None\n");
  EXPECT_EQ(job.id, "52_0");
  EXPECT_EQ(job.job_id, "53");
  EXPECT_EQ(job.state, job_state::running);
  EXPECT_EQ(job.reason, "");
  EXPECT_EQ(job.nodes, "n1");
  EXPECT_EQ(job.time_left, 59min + 59s);
}

TEST(slurm_text, tells_why_a_job_waits) {
  auto job = parse_one("43|43|PENDING|1:00:00||ReqNodeNotAvail, UnavailableNodes:n[1-2]\n");
  EXPECT_EQ(job.state, job_state::pending);
  EXPECT_EQ(job.reason, "ReqNodeNotAvail, UnavailableNodes:n[1-2]");
  EXPECT_EQ(job.nodes, "");
  EXPECT_EQ(job.time_left, std::nullopt) << "the whole walltime is not what is left of a run";
}

TEST(slurm_text, knows_no_time_left_of_jobs_without_limit_and_of_ended_ones) {
  EXPECT_EQ(parse_one("55|55|RUNNING|UNLIMITED|n1|None").time_left, std::nullopt);
  EXPECT_EQ(parse_one("55|55|RUNNING|INVALID|n1|None").time_left, std::nullopt);
  EXPECT_EQ(parse_one("32|32|TIMEOUT|0:52|n[1-2]|TimeLimit").time_left, std::nullopt);
}

TEST(slurm_text, reads_all_jobs_in_order) {
  auto jobs = parse_squeue("16|16|CANCELLED|59:58|n[1-2]|None\n"
                           "47_[0-3%2]|47|PENDING|1:00:00||Priority\n"
                           "38+0|38|FAILED|1:00:00|n1|NonZeroExitCode\n"
                           "54|54|NODE_FAIL|1:00:00|n1|NodeDown\n"
                           "19|19|COMPLETED|59:59|n1|None\n");
  ASSERT_EQ(jobs.size(), 5);
  EXPECT_EQ(jobs[0].state, job_state::cancelled);
  EXPECT_EQ(jobs[1].id, "47_[0-3%2]");
  EXPECT_EQ(jobs[2].state, job_state::failed);
  EXPECT_EQ(jobs[3].state, job_state::node_failed);
  EXPECT_EQ(jobs[3].reason, "NodeDown");
  EXPECT_EQ(jobs[4].state, job_state::completed);
  EXPECT_TRUE(parse_squeue("").empty());
  EXPECT_TRUE(parse_squeue("\n").empty());
}

TEST(slurm_text, a_reason_may_hold_the_separator_but_nothing_for_the_terminal) {
  EXPECT_EQ(parse_one("1|1|PENDING|1:00||a|b").reason, "a|b");
  EXPECT_EQ(parse_one("1|1|PENDING|1:00||a\x1b[2J").reason, "a?[2J");
}

TEST(slurm_text, knows_every_state_of_slurm) {
  EXPECT_EQ(state_of("CONFIGURING"), job_state::configuring);
  EXPECT_EQ(state_of("COMPLETING"), job_state::completing);
  EXPECT_EQ(state_of("TIMEOUT"), job_state::timed_out);
  EXPECT_EQ(state_of("OUT_OF_MEMORY"), job_state::out_of_memory);
  EXPECT_EQ(state_of("PREEMPTED"), job_state::preempted);
  EXPECT_EQ(state_of("BOOT_FAIL"), job_state::boot_failed);
  EXPECT_EQ(state_of("DEADLINE"), job_state::past_deadline);
  EXPECT_EQ(state_of("SUSPENDED"), job_state::suspended);
  EXPECT_EQ(state_of("REQUEUED"), job_state::requeued);
  EXPECT_EQ(state_of("REQUEUE_HOLD"), job_state::pending);
  EXPECT_EQ(state_of("?"), job_state::unknown);
  EXPECT_EQ(state_of("SOMETHING_NEW"), job_state::unknown);
}

TEST(slurm_text, a_job_is_over_when_it_runs_no_more) {
  for (auto name : {"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY",
                    "BOOT_FAIL", "DEADLINE", "REVOKED"})
    EXPECT_TRUE(is_over(state_of(name))) << name;
  for (auto name : {"PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "COMPLETING", "REQUEUED", "SPECIAL_EXIT", "?"})
    EXPECT_FALSE(is_over(state_of(name))) << name;
}

TEST(slurm_text, a_line_of_squeue_that_tells_of_no_job_is_an_error) {
  for (auto text : {"slurm is down", "1|1|RUNNING|1:00|n1", "|1|RUNNING|1:00|n1|None", "1|x|RUNNING|1:00|n1|None",
                    "1|1||1:00|n1|None", "1|1|RUNNING|1:00|n1|None\nCLUSTER: lab"})
    EXPECT_THROW(parse_squeue(text), cluster_error) << text;
  try {
    parse_squeue("slurm is\tdown\x9b\xff");
    FAIL();
  } catch (const cluster_error& e) {
    EXPECT_STREQ(e.what(), "squeue printed a line that is none of a job: 'slurm is\\x09down?"
                           "?'");
  }
}

TEST(slurm_text, finds_the_id_of_a_submitted_job) {
  EXPECT_EQ(parse_submitted("123\n"), "123");
  EXPECT_EQ(parse_submitted("123;lab\n"), "123");
  EXPECT_EQ(parse_submitted("Welcome to the cluster!\n\n123\n"), "123");
  EXPECT_EQ(parse_submitted("123\nYour project has used 17 %.\n"), "123");
  EXPECT_EQ(parse_submitted(""), std::nullopt);
  EXPECT_EQ(parse_submitted("Submitted batch job 123\n"), std::nullopt);
}

TEST(slurm_text, reads_durations_as_slurm_does) {
  EXPECT_EQ(parse_time("3"), 3min);
  EXPECT_EQ(parse_time("1:00"), 1min);
  EXPECT_EQ(parse_time("0:52"), 52s);
  EXPECT_EQ(parse_time("1:00:00"), 1h);
  EXPECT_EQ(parse_time("2-03"), 51h);
  EXPECT_EQ(parse_time("2-03:04"), 51h + 4min);
  EXPECT_EQ(parse_time("2-03:04:05"), 51h + 4min + 5s);
  for (auto text :
       {"", "UNLIMITED", "INVALID", "NOT_SET", "-1", "1:", ":1", "1:2:3:4", "1-2-3", "1-", "1.5", " 1", "99999999999"})
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
}

TEST(slurm_text, writes_durations_for_slurm) {
  EXPECT_EQ(format_time(0s), "00:00:00");
  EXPECT_EQ(format_time(90min), "01:30:00");
  EXPECT_EQ(format_time(51h + 4min + 5s), "2-03:04:05");
  EXPECT_EQ(format_time(-1s), "00:00:00");
  for (auto time : {std::chrono::seconds{1}, std::chrono::seconds{86'399}, std::chrono::seconds{1'234'567}})
    EXPECT_EQ(parse_time(format_time(time)), time);
}

TEST(slurm_text, takes_slurms_words_without_who_says_them) {
  EXPECT_EQ(slurm_words("sbatch: error: Memory specification can not be satisfied\n"
                        "sbatch: error: Batch job submission failed: Requested node configuration is not available\n"),
            "Memory specification can not be satisfied; Batch job submission failed: Requested node configuration is "
            "not available");
  EXPECT_EQ(slurm_words("slurm_load_jobs error: Invalid job id specified\n"), "Invalid job id specified");
  EXPECT_EQ(slurm_words("squeue: fatal: Unable to process configuration file"), "Unable to process configuration file");
  EXPECT_EQ(slurm_words("sbatch: Job 5 to start at 12:00"), "Job 5 to start at 12:00");
  EXPECT_EQ(slurm_words("bash: sbatch: command not found"), "bash: sbatch: command not found");
  EXPECT_EQ(slurm_words("sbatch of the site: closed"), "sbatch of the site: closed");
  EXPECT_EQ(slurm_words(" \n\n"), "");
}

TEST(slurm_text, slurms_words_are_harmless_and_few) {
  EXPECT_EQ(slurm_words("sbatch: error: a\x1b[2Jb"), "a?[2Jb");
  auto words = slurm_words("sbatch: " + std::string(396, 'x') + "\xe2\x82\xac and more");
  EXPECT_EQ(words, std::string(396, 'x') + "...");
  EXPECT_LE(slurm_words(std::string(100'000, 'x')).size(), slurm_words_limit);
}

TEST(slurm_text, explains_what_users_meet) {
  for (auto reason : {"Resources",
                      "Priority",
                      "PartitionConfig",
                      "PartitionTimeLimit",
                      "PartitionNodeLimit",
                      "QOSMaxJobsPerUserLimit",
                      "QOSMaxCpuPerUserLimit",
                      "AssocGrpCpuLimit",
                      "AssocGrpCPUMinutesLimit",
                      "ReqNodeNotAvail",
                      "ReqNodeNotAvail, UnavailableNodes:n[1-2]",
                      "ReqNodeNotAvail, May be reserved for other job",
                      "BadConstraints",
                      "JobHeldAdmin",
                      "JobHeldUser",
                      "InvalidAccount",
                      "InvalidQOS",
                      "Dependency",
                      "Licenses",
                      "BeginTime",
                      "launch failed requeued held",
                      "launch_failed_requeued_held",
                      "PartitionDown",
                      "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions"})
    EXPECT_FALSE(explain_reason(reason).empty()) << reason;
  for (auto reason : {"", "None", "SomethingNew", "AssocX"})
    EXPECT_EQ(explain_reason(reason), "") << reason;
}

TEST(slurm_text, tells_a_budget_from_a_limit_on_what_runs) {
  EXPECT_EQ(explain_reason("AssocGrpCPURunMinutesLimit"), explain_reason("AssocGrpCpuLimit"));
  EXPECT_EQ(explain_reason("QOSGrpCPURunMinutesLimit"), explain_reason("QOSGrpCpuLimit"));
  EXPECT_EQ(explain_reason("AssocGrpCPUMinutesLimit"), explain_reason("QOSGrpMemoryMinutes"));
  EXPECT_NE(explain_reason("AssocGrpCPUMinutesLimit"), explain_reason("AssocGrpCpuLimit"));
}

TEST(slurm_text, knows_for_which_reasons_waiting_is_useless) {
  for (auto reason :
       {"PartitionConfig", "PartitionTimeLimit", "BadConstraints", "InvalidAccount", "InvalidQOS", "AccountNotAllowed",
        "QOSNotAllowed", "DependencyNeverSatisfied", "ReservationDeleted", "Reservation spring was deleted",
        "MaxMemPerLimit", "AssocMaxCpuPerJobLimit", "AssocMaxWallDurationPerJobLimit", "AssocMaxCpuMinutesPerJobLimit",
        "QOSMaxNodePerJobLimit", "QOSMaxMemoryPerNode", "QOSMinCpuNotSatisfied",
        "Job's account not permitted to use this partition (main allows a not b)"})
    EXPECT_TRUE(can_never_start(reason)) << reason;
  for (auto reason : {"",
                      "None",
                      "SomethingNew",
                      "Resources",
                      "Priority",
                      "PartitionNodeLimit",
                      "PartitionDown",
                      "PartitionInactive",
                      "ReqNodeNotAvail, UnavailableNodes:n1",
                      "JobHeldUser",
                      "JobHeldAdmin",
                      "BeginTime",
                      "Dependency",
                      "Reservation",
                      "QOSMaxJobsPerUserLimit",
                      "QOSMaxCpuPerUserLimit",
                      "AssocMaxJobsLimit",
                      "AssocGrpCpuLimit",
                      "QOSGrpCPUMinutesLimit",
                      "MaxCpuPerAccount",
                      "launch failed requeued held"})
    EXPECT_FALSE(can_never_start(reason)) << reason;
}

TEST(slurm_text, tells_limits_on_the_number_of_jobs_from_what_is_never_taken) {
  EXPECT_TRUE(may_be_taken_in_parts("Batch job submission failed: Invalid job array specification"));
  EXPECT_TRUE(may_be_taken_in_parts("QOSMaxSubmitJobPerUserLimit; Batch job submission failed: Job violates "
                                    "accounting/QOS policy (job submit limit, user's size and/or time limits)"));
  EXPECT_TRUE(may_be_taken_in_parts("Slurm temporarily unable to accept job, sleeping and retrying"));
  EXPECT_FALSE(may_be_taken_in_parts("invalid partition specified: nowhere"));
}
