#include "daskify/deploy/slurm_step.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace daskify::internal {
namespace {

using variables = std::map<std::string, std::string>;

variable_reader from(const variables& all) {
  return [&all](const char* name) {
    auto found = all.find(name);
    return found == all.end() ? nullptr : found->second.c_str();
  };
}

/// As SLURM 22.05 sets them for task 1 of `srun -n 3 -N 2`.
variables of_a_task() {
  return {{"SLURM_JOB_ID", "12"},         {"SLURM_STEP_ID", "0"}, {"SLURM_PROCID", "1"},
          {"SLURM_NTASKS", "3"},          {"SLURM_NODEID", "0"},  {"SLURM_STEP_NUM_TASKS", "3"},
          {"SLURM_CPUS_ON_NODE", "4"},    {"SLURM_LOCALID", "1"}, {"SLURM_STEP_TASKS_PER_NODE", "2,1"},
          {"SLURM_TASKS_PER_NODE", "2,1"}};
}

TEST(slurm_step, is_read_from_what_srun_sets) {
  auto all = of_a_task();
  auto step = read_slurm_step(from(all));
  ASSERT_TRUE(step);
  EXPECT_EQ(step->rank, 1u);
  EXPECT_EQ(step->tasks, 3u);
  EXPECT_EQ(step->tasks_here, 2u);
  all["SLURM_NODEID"] = "1";
  EXPECT_EQ(read_slurm_step(from(all))->tasks_here, 1u);
  all.erase("SLURM_STEP_TASKS_PER_NODE");
  EXPECT_EQ(read_slurm_step(from(all))->tasks_here, 1u);
}

TEST(slurm_step, is_none_in_a_batch_script) {
  variables all{{"SLURM_JOB_ID", "12"},
                {"SLURM_PROCID", "0"},
                {"SLURM_NTASKS", "16"},
                {"ENVIRONMENT", "BATCH"},
                {"SLURM_TASKS_PER_NODE", "4(x4)"}};
  EXPECT_FALSE(read_slurm_step(from(all)));
}

TEST(slurm_step, is_none_where_sbatch_was_called_in_another_one) {
  auto all = of_a_task(); // sbatch passes them on, and the job's own replace some
  all["SLURM_NTASKS"] = "16";
  all["SLURM_PROCID"] = "0";
  EXPECT_FALSE(read_slurm_step(from(all)));
}

TEST(slurm_step, is_none_in_the_shell_of_an_allocation) {
  auto all = of_a_task();
  all["SLURM_STEP_ID"] = "4294967290"; // SLURM's number for interactive steps
  EXPECT_FALSE(read_slurm_step(from(all)));
}

TEST(slurm_step, is_none_without_slurm_and_for_text_that_is_none_of_slurms) {
  EXPECT_FALSE(read_slurm_step(from({})));
  for (auto name : {"SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_PROCID"})
    for (auto text : {"", "x", "-1", "1 "}) {
      auto all = of_a_task();
      all[name] = text;
      EXPECT_FALSE(read_slurm_step(from(all))) << name << '=' << text;
    }
}

} // namespace
} // namespace daskify::internal
