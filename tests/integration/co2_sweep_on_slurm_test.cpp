/// The sweep of apps/examples/co2_sweep.cpp in the jobs of a real SLURM, on four nodes with four workers each: its
/// results equal those on this machine to the last digit, whatever happens to the jobs meanwhile.

#include "support/child_program.hpp"
#include "support/environment_variable.hpp"
#include "support/run_program.hpp"
#include "support/slurm_cluster.hpp"
#include "support/text_of.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace daskify::test;

namespace {

/// The lines with the results.
std::vector<std::string> found_in(const std::string& output) {
  std::vector<std::string> found;
  std::istringstream lines{output};
  for (std::string line; std::getline(lines, line);)
    for (auto name : {"sweep ", "level ", "growth ", "acceleration ", "amplitude ", "peak ", "misfit "})
      if (line.starts_with(name))
        found.push_back(line);
  return found;
}

struct co2_sweep_on_slurm : slurm_test {
  /// Jobs of the partition urgent take the nodes from others.
  static void SetUpTestSuite() {
    start({.extra = "PreemptType=preempt/partition_prio\nPreemptMode=REQUEUE\n"
                    "PartitionName=urgent Nodes=n[1-4] PriorityTier=10"});
    here = found_in(run_program("co2_sweep", "--daskify.size=2").output);
  }

  void SetUp() override {
    slurm_test::SetUp();
    ASSERT_EQ(here.size(), 9u);
  }

  void TearDown() override {
    EXPECT_TRUE(eventually([] { return output_of("squeue -h -o %i").empty(); })) << "no job is left";
    EXPECT_EQ(entries(base.path(), "daskify-"), std::set<std::string>{}) << "no session folder is left";
  }

  /// Four jobs, each of which fills a node.
  std::vector<std::string> in_jobs(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--daskify.queue=main", "--daskify.memory=1GiB",
                                       "--daskify.session_directory=" + base.path().string()});
    return arguments;
  }

  /// The program's results when this is done to the job on node n1 after the first of its sweeps.
  std::vector<std::string> found_in_spite_of(const std::string& command) const {
    child_program sweep{"co2_sweep", in_jobs({"--daskify.mode=slurm", "--daskify.size=16", "--daskify.processes=4",
                                              "--daskify.cores=4"})};
    EXPECT_TRUE(sweep.says("234256 of 234256 tasks done")) << sweep.output();
    auto running = [] { return output_of("squeue -h -r -t RUNNING -w n1 -o %i"); };
    auto job = running();
    EXPECT_FALSE(job.empty()) << sweep.output();
    auto said = output_of("job=" + job.substr(0, job.find('\n')) + "; " + command);
    EXPECT_TRUE(eventually([&] { return running() != job; })) << said;
    EXPECT_FALSE(sweep.has_ended()) << "it came too late";
    EXPECT_EQ(sweep.wait(std::chrono::seconds{90}), 0) << said << sweep.output();
    return found_in(sweep.output());
  }

  temporary_folder base;
  environment_variable at_home{"HOME", base.path().string()};
  static inline std::vector<std::string> here; ///< the results on this machine
};

TEST_F(co2_sweep_on_slurm, finds_the_same_with_a_requeued_job) {
  EXPECT_EQ(found_in_spite_of("scontrol requeue $job"), here);
}

TEST_F(co2_sweep_on_slurm, finds_the_same_with_a_cancelled_job) {
  EXPECT_EQ(found_in_spite_of("scancel $job"), here);
}

TEST_F(co2_sweep_on_slurm, finds_the_same_with_a_preempted_job) {
  EXPECT_EQ(found_in_spite_of("sbatch -p urgent -w n1 -c 4 -o /dev/null --wrap 'sleep 1'"), here);
}

TEST_F(co2_sweep_on_slurm, finds_the_same_with_a_failed_node) {
  EXPECT_EQ(found_in_spite_of("scontrol update NodeName=n1 State=DOWN Reason=test"), here);
  output_of("scontrol update NodeName=n1 State=RESUME");
}

TEST_F(co2_sweep_on_slurm, finds_the_same_in_mode_test) {
  child_program sweep{"co2_sweep", in_jobs({"--daskify.mode=test"})};
  EXPECT_EQ(sweep.wait(std::chrono::seconds{60}), 0) << sweep.output();
  EXPECT_EQ(found_in(sweep.output()), here);
}

TEST_F(co2_sweep_on_slurm, finds_the_same_by_the_script_for_one_allocation) {
  auto log = base.path() / "log";
  auto said = output_of("sbatch --wait --nodes=4 --ntasks=4 --cpus-per-task=4 --mem=1G --output=" + log.string() +
                        " " DASKIFY_SOURCE_DIR "/slurm/one-allocation.sbatch " DASKIFY_BIN_DIR "/co2_sweep");
  EXPECT_EQ(found_in(text_of(log)), here) << said << text_of(log);
}

TEST_F(co2_sweep_on_slurm, finds_the_same_on_a_cluster_that_stays) {
  auto environment =
      "PATH=" DASKIFY_BIN_DIR ":$PATH DASKIFY_CONNECTION_DIRECTORY=" + (base.path() / "c").string() + " ";
  auto submit = environment + "sbatch --parsable --output=" + (base.path() / "job-%j.log").string() + " ";
  auto scheduler = output_of(submit + "--mem=200M " DASKIFY_SOURCE_DIR "/slurm/scheduler.sbatch");
  output_of(submit + "--array=0-2 --mem=1G -c 4 " DASKIFY_SOURCE_DIR "/slurm/workers.sbatch "
                     "--daskify.worker_program=" DASKIFY_BIN_DIR "/co2_sweep");
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(base.path() / "c" / "scheduler"); })) << scheduler;
  auto sweep = run_command_line(environment + "co2_sweep --daskify.mode=connect");
  EXPECT_EQ(sweep.exit_code, 0) << sweep.output;
  EXPECT_EQ(found_in(sweep.output), here);
  output_of("scancel " + scheduler);
}

} // namespace
