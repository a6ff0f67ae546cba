#include "daskify/launch/started_ranks.hpp"

#include "daskify/error.hpp"
#include "support/environment_variable.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace daskify::internal {
namespace {

using variables = std::map<std::string, std::string>;

std::optional<started_rank> rank_in(const variables& all) {
  return read_started_rank([&](const char* name) {
    auto found = all.find(name);
    return found == all.end() ? nullptr : found->second.c_str();
  });
}

TEST(started_ranks, are_read_from_the_variables_of_each_launcher) {
  for (const variables& all : {variables{{"OMPI_COMM_WORLD_RANK", "2"}, {"OMPI_COMM_WORLD_SIZE", "4"}},
                               variables{{"PMI_RANK", "2"}, {"PMI_SIZE", "4"}},
                               variables{{"MV2_COMM_WORLD_RANK", "2"}, {"MV2_COMM_WORLD_SIZE", "4"}}}) {
    auto who = rank_in(all);
    ASSERT_TRUE(who) << all.begin()->first;
    EXPECT_EQ(who->launcher, "mpirun");
    EXPECT_EQ(who->rank, 2u);
    EXPECT_EQ(who->ranks, 4u);
  }
}

TEST(started_ranks, are_read_from_a_step_of_srun) {
  variables all{{"SLURM_JOB_ID", "7"},
                {"SLURM_STEP_ID", "0"},
                {"SLURM_PROCID", "3"},
                {"SLURM_NTASKS", "4"},
                {"SLURM_STEP_NUM_TASKS", "4"}};
  auto who = rank_in(all);
  ASSERT_TRUE(who);
  EXPECT_EQ(who->launcher, "srun");
  EXPECT_EQ(who->rank, 3u);
  EXPECT_EQ(who->ranks, 4u);
  all.insert({{"PMI_RANK", "3"}, {"PMI_SIZE", "4"}}); // srun --mpi=pmi2
  EXPECT_EQ(rank_in(all)->launcher, "srun");
}

TEST(started_ranks, are_none_where_there_is_one) {
  EXPECT_FALSE(rank_in({}));
  EXPECT_FALSE(rank_in({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "1"}}));
  EXPECT_FALSE(rank_in({{"PMI_RANK", "0"}, {"PMI_SIZE", "1"}}));
  EXPECT_FALSE(rank_in({{"SLURM_JOB_ID", "7"},
                        {"SLURM_STEP_ID", "0"},
                        {"SLURM_PROCID", "0"},
                        {"SLURM_NTASKS", "1"},
                        {"SLURM_STEP_NUM_TASKS", "1"}}))
      << "srun -n 1";
  EXPECT_FALSE(rank_in({{"SLURM_JOB_ID", "7"}, {"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "16"}})) << "a batch script";
}

TEST(started_ranks, are_none_for_mpirun_of_one_rank_whose_daemons_are_a_step) {
  EXPECT_FALSE(rank_in({{"OMPI_COMM_WORLD_RANK", "0"},
                        {"OMPI_COMM_WORLD_SIZE", "1"},
                        {"SLURM_JOB_ID", "7"},
                        {"SLURM_STEP_ID", "0"},
                        {"SLURM_PROCID", "1"},
                        {"SLURM_NTASKS", "3"},
                        {"SLURM_STEP_NUM_TASKS", "3"}}));
}

TEST(started_ranks, are_none_for_variables_with_no_number) {
  for (auto text : {"", "x", "-1", "4 "})
    EXPECT_FALSE(rank_in({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", text}})) << text;
  EXPECT_FALSE(rank_in({{"OMPI_COMM_WORLD_SIZE", "4"}}));
}

TEST(started_ranks, are_told_how_to_run_the_program) {
  EXPECT_EQ(
      why_no_cluster_of_rank({"mpirun", 0, 4}, false, "./sweep"),
      "This program was started by mpirun as 4 ranks, each of which would run the whole sweep; start it once, "
      "without mpirun, as './sweep', and daskify starts the workers itself (--daskify.size N of them), or set the "
      "option allow_ranks where rank 0 alone calls start_cluster.");
  EXPECT_EQ(why_no_cluster_of_rank({"srun", 3, 4}, false, "./sweep"),
            "Rank 3 of 4 starts no cluster: this program was started by srun, and would run its sweep in each rank; "
            "start it once, without srun, as './sweep', and daskify starts the workers itself.");
}

TEST(started_ranks, are_refused_but_for_the_first_where_ranks_are_allowed) {
  EXPECT_EQ(why_no_cluster_of_rank({"srun", 0, 4}, true, "./sweep"), "");
  EXPECT_EQ(why_no_cluster_of_rank({"srun", 1, 4}, true, "./sweep"),
            "Rank 1 of 4 starts no cluster: this program was started by srun, and would run its sweep in each rank; "
            "start it once, without srun, as './sweep', or call start_cluster in rank 0 only.");
}

TEST(started_ranks, are_a_cluster_error_of_their_own) {
  test::environment_variable rank{"OMPI_COMM_WORLD_RANK", "1"};
  test::environment_variable ranks{"OMPI_COMM_WORLD_SIZE", "2"};
  try {
    refuse_several_ranks(true, "./sweep");
    FAIL() << "rank 1 may start a cluster";
  } catch (const cluster_error& e) {
    EXPECT_EQ(e.code(), error_code::several_ranks);
  }
}

} // namespace
} // namespace daskify::internal
