/// Programs that srun and mpirun start as several ranks: they run their sweep once, or not at all.

#include "support/environment_variable.hpp"
#include "support/program_with.hpp"
#include "support/run_program.hpp"
#include "support/slurm_cluster.hpp"
#include "support/standing_cluster.hpp"

#include <daskify/daskify.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace {

using namespace daskify::test;
using daskify::error_code;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr auto last_line_of_table = "10\t20\t30\t40\t50\t60\t70\t80\t90\t100";
constexpr auto what_rank_0_says = "as 2 ranks, each of which would run the whole sweep; start it once, without ";

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

std::string hello_sweep() {
  return "'" DASKIFY_BIN_DIR "/hello_sweep' --daskify.size=1 ";
}

// -- mpirun -------------------------------------------------------------------------------------------------

struct launcher {
  const char* rank;
  const char* ranks;
};

class ranks_of : public testing::TestWithParam<launcher> {};

TEST_P(ranks_of, mpirun_are_refused_in_every_mode) {
  for (auto rank : {"0", "1"}) {
    environment_variable own{GetParam().rank, rank};
    environment_variable all{GetParam().ranks, "2"};
    for (auto mode : {daskify::cluster_mode::local, daskify::cluster_mode::slurm, daskify::cluster_mode::connect}) {
      auto cluster = program_with({.mode = mode, .size = 1}, "./sweep");
      auto [code, sentence] = refusal([&] { cluster.start_cluster(); });
      EXPECT_EQ(code, error_code::several_ranks) << sentence;
      EXPECT_THAT(sentence, HasSubstr("start it once, without mpirun, as './sweep'"));
    }
  }
}

TEST_P(ranks_of, mpirun_have_a_cluster_in_rank_0_where_that_is_meant) {
  environment_variable all{GetParam().ranks, "2"};
  auto cluster = program_with({.size = 1, .allow_ranks = true});
  {
    environment_variable own{GetParam().rank, "0"};
    cluster.start_cluster();
    cluster.shutdown_cluster();
  }
  environment_variable own{GetParam().rank, "1"};
  EXPECT_EQ(refusal([&] { cluster.start_cluster(); }).first, error_code::several_ranks);
}

INSTANTIATE_TEST_SUITE_P(each_mpi, ranks_of,
                         testing::Values(launcher{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                         launcher{"PMI_RANK", "PMI_SIZE"},
                                         launcher{"MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"}),
                         [](const auto& of) { return std::string{of.param.ranks}; });

struct started_by_mpirun : testing::Test {
  void SetUp() override {
    if (output_of("mpirun --version").find("Open MPI") == std::string::npos)
      GTEST_SKIP() << "there is no mpirun of Open MPI here (Debian: openmpi-bin)";
  }

  static program_result mpirun(int ranks, const std::string& program) {
    auto as_root = ::geteuid() == 0 ? " --allow-run-as-root" : "";
    return run_command_line("cd / && mpirun" + std::string{as_root} + " --oversubscribe -n " + std::to_string(ranks) +
                            " " + program);
  }
};

TEST_F(started_by_mpirun, a_sweep_is_refused_with_how_to_run_it) {
  auto result = mpirun(2, hello_sweep());
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.output, AllOf(HasSubstr("without mpirun, as '"), Not(HasSubstr(last_line_of_table))));
}

TEST_F(started_by_mpirun, a_sweep_runs_in_one_rank) {
  auto result = mpirun(1, hello_sweep());
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr(last_line_of_table));
}

TEST_F(started_by_mpirun, a_sweep_of_rank_0_alone_runs_where_that_is_meant) {
  auto result = mpirun(2, "sh -c '[ \"$OMPI_COMM_WORLD_RANK\" != 0 ] || exec \"$0\" \"$@\"' " + hello_sweep() +
                              "--daskify.allow_ranks=yes");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_EQ(count_of(result.output, last_line_of_table), 1u) << result.output;
}

// -- srun ---------------------------------------------------------------------------------------------------

struct started_by_srun : slurm_test {
  temporary_folder base;

  /// The output of a job that runs `script`, after its end.
  std::string output_of_job(const std::string& options, const std::string& script) const {
    auto log = base.path() / "job.log";
    auto file = base.path() / "job.sh";
    std::ofstream{file} << "#!/bin/bash\n" << script << '\n';
    output_of("sbatch --wait -p main --output=" + log.string() + " " + options + " " + file.string());
    return text_of(log);
  }

  std::string sweep() const { return hello_sweep() + "--daskify.session_directory='" + base.path().string() + "' "; }
};

TEST_F(started_by_srun, a_sweep_is_refused_in_each_rank_with_how_to_run_it) {
  auto result = run_command_line("srun -n 2 -N 1 " + sweep());
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.output, AllOf(HasSubstr(std::string{"started by srun "} + what_rank_0_says + "srun, as '"),
                                   HasSubstr("Rank 1 of 2 starts no cluster"), Not(HasSubstr(last_line_of_table))));
}

TEST_F(started_by_srun, a_sweep_runs_once_in_rank_0_where_that_is_meant) {
  auto result = run_command_line("srun -n 2 -N 1 " + sweep() + "--daskify.allow_ranks=yes");
  EXPECT_EQ(count_of(result.output, last_line_of_table), 1u) << result.output;
  EXPECT_THAT(result.output, HasSubstr("or call start_cluster in rank 0 only."));
}

TEST_F(started_by_srun, a_sweep_runs_in_one_rank) {
  auto result = run_command_line("srun -n 1 " + sweep());
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr(last_line_of_table));
}

TEST_F(started_by_srun, a_sweep_in_the_script_of_a_job_of_many_tasks_is_none_of_its_ranks) {
  EXPECT_THAT(output_of_job("-n 4", sweep()), HasSubstr(last_line_of_table));
}

TEST_F(started_by_srun, a_sweep_is_refused_in_a_step_of_a_job) {
  auto output = output_of_job("-n 4 -N 1", "srun -n 2 " + sweep());
  EXPECT_THAT(output, AllOf(HasSubstr(what_rank_0_says), Not(HasSubstr(last_line_of_table))));
}

TEST_F(started_by_srun, a_job_that_is_submitted_in_a_step_is_none_of_its_ranks) {
  auto log = base.path() / "inner.log";
  auto file = base.path() / "inner.sh";
  std::ofstream{file} << "#!/bin/bash\n" << sweep() << '\n';
  output_of("srun -n 3 -N 1 sh -c '[ $SLURM_PROCID != 1 ] || sbatch --wait -p main -n 1 --output=" + log.string() +
            " " + file.string() + "'");
  EXPECT_THAT(text_of(log), HasSubstr(last_line_of_table));
}

struct workers_started_by_srun : started_by_srun {};

TEST_F(workers_started_by_srun, join_a_standing_cluster_from_each_rank) {
  auto folder = (base.path() / "cluster").string();
  auto output = output_of_job(
      "-n 2 -N 1",
      "export DASKIFY_CONNECTION_DIRECTORY='" + folder + "' DASKIFY_SESSION_DIRECTORY='" + base.path().string() +
          "'\n'" DASKIFY_BIN_DIR "/daskify-scheduler' &\nsrun -n 2 --overlap '" +
          DASKIFY_BIN_DIR "/daskify-worker' --program '" DASKIFY_BIN_DIR "/hello_sweep' --daskify.size=1 &\n" +
          "until [ \"$('" DASKIFY_BIN_DIR "/daskify' status --json | grep -o '\"pid\"' | wc -l)\" -ge 3 ];" +
          " do sleep 0.1; done\n" + sweep() + "--mode connect\nkill %1\nwait\n");
  EXPECT_THAT(output, AllOf(HasSubstr(last_line_of_table), Not(HasSubstr("starts no cluster"))));
}

} // namespace
