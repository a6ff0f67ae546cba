#include "daskify/launch/slurm_variables.hpp"
#include "daskify/os/environment.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace daskify::internal {
namespace {

using variables = std::map<std::string, std::string>;

variable_reader from(variables all) {
  return [all = std::move(all)](const char* name) {
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

TEST(slurm_cpus, are_believed_only_inside_a_job) {
  EXPECT_EQ(read_slurm_cpus(from({{"SLURM_JOB_ID", "7"}, {"SLURM_CPUS_ON_NODE", "12"}})), 12U);
  EXPECT_EQ(read_slurm_cpus(from({{"SLURM_CPUS_ON_NODE", "12"}})), std::nullopt);
  EXPECT_EQ(read_slurm_cpus(from({{"SLURM_JOB_ID", "7"}})), std::nullopt);
  for (auto text : {"", "0", "-1", "4(x2)", " 4", "many"})
    EXPECT_EQ(read_slurm_cpus(from({{"SLURM_JOB_ID", "7"}, {"SLURM_CPUS_ON_NODE", text}})), std::nullopt) << text;
}

TEST(slurm_variables, counts_the_tasks_of_all_nodes) {
  EXPECT_EQ(sum_of_tasks("4"), 4u);
  EXPECT_EQ(sum_of_tasks("4,2"), 6u);
  EXPECT_EQ(sum_of_tasks("2(x3),1,4(x2)"), 15u);
  EXPECT_EQ(sum_of_tasks("999999(x999999)"), 999'998'000'001u);
  for (auto text : {"", "x", "4,", ",4", "3(x", "3(x2", "3(2)", "3(x)", "(x2)", "-1", "3(x2)1", "4 2", "1000000"})
    EXPECT_EQ(sum_of_tasks(text), std::nullopt) << text;
}

TEST(slurm_variables, finds_the_tasks_of_one_node) {
  EXPECT_EQ(tasks_on_node("4", 0), 4u);
  EXPECT_EQ(tasks_on_node("2(x3),1", 2), 2u);
  EXPECT_EQ(tasks_on_node("2(x3),1", 3), 1u);
  EXPECT_EQ(tasks_on_node("2(x3),1", 4), std::nullopt);
  EXPECT_EQ(tasks_on_node("4", SIZE_MAX), std::nullopt);
  EXPECT_EQ(tasks_on_node("", 0), std::nullopt);
  EXPECT_EQ(tasks_on_node("3(x2)1", 0), std::nullopt);
}

} // namespace
} // namespace daskify::internal
