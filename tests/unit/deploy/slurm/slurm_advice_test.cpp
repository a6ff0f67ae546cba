#include "daskify/deploy/slurm/slurm_advice.hpp"

#include "daskify/deploy/slurm/slurm_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace daskify;
using namespace daskify::internal;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace {

settings on_slurm() {
  settings all;
  all.mode = cluster_mode::slurm;
  return all;
}

/// The options that the advice names, in order.
std::vector<std::string> options_in(const std::string& advice) {
  std::vector<std::string> named;
  std::size_t at = 0;
  constexpr std::string_view begin{"The option "};
  while ((at = advice.find(begin, at)) != advice.npos) {
    at += begin.size();
    named.push_back(advice.substr(at, advice.find(' ', at) - at));
  }
  return named;
}

using names = std::vector<std::string>;

} // namespace

// The messages are those of sbatch 22.05.

TEST(slurm_advice, on_a_wrong_partition_names_queue_with_its_value_and_where_that_was_set) {
  auto with = on_slurm();
  with.queue = "cpu";
  with.origins["queue"] = "cluster.conf:3";
  EXPECT_EQ(
      advice_on("invalid partition specified: cpu; Batch job submission failed: Invalid partition name specified",
                with),
      "The option queue is cpu (cluster.conf:3): set it to one of the partitions that 'sinfo' lists, or to none for "
      "the site's default one.");
}

TEST(slurm_advice, on_a_site_without_default_partition_says_that_one_has_to_be_named) {
  EXPECT_EQ(advice_on("Batch job submission failed: No partition specified or system default partition", on_slurm()),
            "The option queue is none (default), which means the site's default partition: set it to one of those that "
            "'sinfo' lists.");
}

TEST(slurm_advice, on_an_account_names_account_and_queue) {
  auto with = on_slurm();
  with.account = "chemistry";
  with.origins["account"] = "code";
  EXPECT_EQ(
      advice_on("Batch job submission failed: Invalid account or account/partition combination specified", with),
      "The option account is chemistry (code): set it to one that may be charged ('sacctmgr show associations "
      "user=$USER' lists them). The option queue is none (default), which means the site's default partition: set "
      "it to one of those that 'sinfo' lists.");
  EXPECT_THAT(advice_on("InvalidAccount", on_slurm()),
              HasSubstr("The option account is auto (default), which leaves it to SLURM: set it to"));
}

TEST(slurm_advice, on_memory_says_what_is_asked_for) {
  auto with = on_slurm();
  constexpr auto refused = "Memory specification can not be satisfied; Batch job submission failed: Requested node "
                           "configuration is not available";
  EXPECT_EQ(advice_on(refused, with),
            "The option memory is auto (default), which leaves it to the site: set it to what "
            "one job may have.");
  with.mode = cluster_mode::test;
  EXPECT_EQ(advice_on(refused, with),
            "The option memory is auto (default), which is 2GB in mode test: set it to what one "
            "job may have.");
  with.memory = 1'000'000'000'000;
  with.origins["memory"] = "command line";
  EXPECT_EQ(advice_on(refused, with),
            "The option memory is 1TB (command line): set it to what one job may have, or to auto.");
}

TEST(slurm_advice, on_time_names_walltime_and_queue) {
  auto advice = advice_on(
      "Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)", on_slurm());
  EXPECT_EQ(options_in(advice), (names{"walltime", "queue"}));
  EXPECT_THAT(advice, HasSubstr("walltime is 10h (default): set it to what the partition allows"));
}

TEST(slurm_advice, on_cpus_names_cores_and_processes) {
  auto with = on_slurm();
  with.cores = 64;
  with.origins["cores"] = "code";
  EXPECT_EQ(
      advice_on("CPU count per node can not be satisfied; Batch job submission failed: Requested node configuration "
                "is not available",
                with),
      "The option cores is 64 (code), and processes is 1 (default): set them to the CPUs and the workers that one "
      "job may have.");
}

TEST(slurm_advice, on_a_number_of_jobs_names_size_and_shape_and_maximum_where_it_counts) {
  auto with = on_slurm();
  with.processes = 2;
  auto refused = "Batch job submission failed: Invalid job array specification";
  EXPECT_EQ(advice_on(refused, with),
            "The option size is auto (default), which makes 63 jobs with 2 (processes) in each, and job_shape is array "
            "(default): ask for fewer, by size, or for another shape.");
  with.maximum = 1000;
  EXPECT_THAT(advice_on(refused, with), AllOf(HasSubstr("makes 500 jobs"), HasSubstr("by size and maximum,")));
}

TEST(slurm_advice, on_other_options_of_sbatch_names_job_extra_with_all_that_is_in_it) {
  auto with = on_slurm();
  with.job_extra = {"--qos=long", "--gres=gpu:9"};
  with.origins["job_extra"] = "a.conf:7";
  EXPECT_EQ(advice_on("Batch job submission failed: Invalid qos specification", with),
            "The option job_extra is --qos=long --gres=gpu:9 (a.conf:7): it passes options such as --qos, --gres or "
            "--constraint to sbatch.");
  for (auto words : {"Batch job submission failed: Invalid generic resource (gres) specification",
                     "Batch job submission failed: Invalid feature specification",
                     "Batch job submission failed: Requested reservation is invalid",
                     "Batch job submission failed: Invalid license specification"})
    EXPECT_EQ(options_in(advice_on(words, with)), names{"job_extra"}) << words;
}

TEST(slurm_advice, names_job_extra_where_that_decides_what_slurm_objects_to) {
  auto with = on_slurm();
  auto named = [&](std::string extra, const char* words) {
    with.job_extra = {std::move(extra)};
    return options_in(advice_on(words, with));
  };
  auto too_much_memory = "Batch job submission failed: Memory required by task is not available";
  auto too_long = "Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)";
  EXPECT_EQ(named("--mem=900G", too_much_memory), names{"job_extra"});
  EXPECT_EQ(named("--mem-per-cpu 900G", too_much_memory), names{"job_extra"});
  EXPECT_EQ(named("--mem-bind=local", too_much_memory).front(), "memory");
  EXPECT_EQ(named("--time=99-0", too_long), names{"job_extra"});
  EXPECT_EQ(named("-t 99-0", too_long), names{"job_extra"});
  EXPECT_EQ(named("--mem=900G", too_long).front(), "walltime");
}

TEST(slurm_advice, on_limits_of_an_account_or_a_qos_names_what_is_limited_first) {
  auto policy = [](const std::string& limit) {
    return limit + "; Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size "
                   "and/or time limits)";
  };
  struct {
    std::string words;
    names options;
  } const all[] = {
      {policy("QOSMaxSubmitJobPerUserLimit"), {"size", "job_extra"}},
      {policy("AssocMaxSubmitJobLimit"), {"size", "account"}},
      {policy("QOSMaxWallDurationPerJobLimit"), {"walltime", "job_extra"}},
      {policy("AssocMaxCpuPerJobLimit"), {"cores", "account"}},
      {policy("QOSMaxMemoryPerJob"), {"memory", "job_extra"}},
      {policy("QOSMaxGRESPerUser"), {"job_extra"}},
      {policy(""), {"size", "account"}},
      {"AssocGrpCpuLimit", {"cores", "size", "account"}},
      {"QOSGrpMemLimit", {"memory", "size", "job_extra"}},
      {"AssocMaxJobsLimit", {"size", "account"}},
      {"QOSMaxJobsPerUserLimit", {"size", "job_extra"}},
      {"AssocGrpCPUMinutesLimit", {"walltime", "size", "account"}},
      {"QOSMaxNodePerJobLimit", {"size", "job_extra"}},
      {"QOSMinCpuNotSatisfied", {"cores", "job_extra"}},
  };
  for (const auto& [words, options] : all)
    EXPECT_EQ(options_in(advice_on(words, on_slurm())), options) << words;
}

TEST(slurm_advice, on_reasons_for_which_a_job_waits_for_ever_names_an_option) {
  struct {
    const char* reason;
    names options;
  } const all[] = {
      {"PartitionConfig", {"queue", "cores"}},
      {"Batch job submission failed: Requested partition configuration not available now", {"queue", "cores"}},
      {"PartitionTimeLimit", {"walltime", "queue"}},
      {"PartitionNodeLimit", {"size", "queue"}},
      {"PartitionDown", {"queue"}},
      {"PartitionInactive", {"queue"}},
      {"MaxMemPerLimit", {"memory"}},
      {"BadConstraints", {"cores", "memory"}},
      {"InvalidAccount", {"account"}},
      {"InvalidQOS", {"job_extra"}},
      {"AccountNotAllowed", {"account", "queue"}},
      {"QOSNotAllowed", {"job_extra", "queue"}},
      {"Job's account not known, so it can't use this partition (physics allows physics)", {"account", "queue"}},
      {"Job's account not permitted to use this partition (highmem allows physics not chemistry)",
       {"account", "queue"}},
      {"Reservation spring was deleted", {"job_extra"}},
  };
  for (const auto& [reason, options] : all)
    EXPECT_EQ(options_in(advice_on(reason, on_slurm())), options) << reason;
  auto one_job = on_slurm();
  one_job.job_shape = job_shape::allocation;
  EXPECT_EQ(options_in(advice_on("PartitionConfig", one_job)), (names{"queue", "cores", "size"}));
}

TEST(slurm_advice, is_not_led_astray_by_names) {
  EXPECT_EQ(options_in(advice_on("invalid partition specified: highmem", on_slurm())), names{"queue"});
  EXPECT_EQ(options_in(advice_on("invalid partition specified: cpu-time-limit", on_slurm())), names{"queue"});
}

TEST(slurm_advice, is_silent_where_a_job_only_waits_for_its_turn) {
  for (auto reason :
       {"", "None", "Resources", "Priority", "Dependency", "BeginTime", "JobHeldUser", "JobHeldAdmin", "Licenses",
        "Prolog", "Cleaning", "JobArrayTaskLimit", "launch failed requeued held",
        "ReqNodeNotAvail, UnavailableNodes:n[1-2]", "ReqNodeNotAvail, May be reserved for other job",
        "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions", "SomethingNew"})
    EXPECT_EQ(advice_on(reason, on_slurm()), "") << reason;
}

TEST(slurm_advice, follows_what_a_reason_means) {
  auto text = explain_with_advice("PartitionTimeLimit", on_slurm());
  EXPECT_TRUE(text.starts_with(std::string{explain_reason("PartitionTimeLimit")} + ". The option walltime is 10h"))
      << text;
  EXPECT_FALSE(text.ends_with('.')) << text;
  EXPECT_EQ(explain_with_advice("Resources", on_slurm()), explain_reason("Resources"));
  EXPECT_EQ(explain_with_advice("SomethingNew", on_slurm()), "");
}

TEST(slurm_advice, takes_the_place_of_the_general_one_where_it_knows_more) {
  slurm_refusal known{"cannot submit the job: SLURM refused: Invalid qos specification", "Invalid qos specification",
                      "look at the manual"};
  EXPECT_STREQ(known.what(), "cannot submit the job: SLURM refused: Invalid qos specification; look at the manual");
  EXPECT_THAT(with_advice(known, on_slurm()),
              AllOf(testing::StartsWith("cannot submit the job: SLURM refused: Invalid qos specification. The option "
                                        "job_extra is none (default)"),
                    Not(HasSubstr("manual"))));
  slurm_refusal unknown{"cannot submit the job: SLURM refused: no luck", "no luck", "look at the manual"};
  EXPECT_EQ(with_advice(unknown, on_slurm()), unknown.what());
}
