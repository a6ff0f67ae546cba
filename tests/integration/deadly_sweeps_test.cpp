/// Sweeps with many crashing tasks: they end, and no other task is lost, unless max_lost is reached.

#include "support/cluster_of_two.hpp"
#include "support/environment_variable.hpp"
#include "support/run_program.hpp"
#include "support/slurm_cluster.hpp"
#include "support/without_core_file.hpp"

#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace daskify::test;
using testing::AllOf;
using testing::HasSubstr;

[[noreturn]] int crash() {
  without_core_file();
  std::abort();
}

/// Of 60 tasks those from `first` up to `last` crash.
std::vector<daskify::result<int>> sweep(daskify::daskified& on, int first, int last) {
  auto crashes = [first, last](int x) {
    if (x >= first && x < last)
      crash();
    return x;
  };
  return on.gather_data(on.map(crashes, daskify::range(60)), daskify::on_error::keep);
}

void expect_lost(const std::vector<daskify::result<int>>& all, std::size_t first, std::size_t last) {
  ASSERT_EQ(all.size(), 60u);
  for (std::size_t i = 0; i < all.size(); ++i) {
    bool is_lost = i >= first && i < last;
    ASSERT_EQ(all[i].has_value(), !is_lost) << i;
    if (is_lost)
      EXPECT_EQ(all[i].code(), daskify::error_code::worker_died) << i;
    else
      EXPECT_EQ(all[i].value(), static_cast<int>(i));
  }
}

struct deadly_sweeps : cluster_of_two {};

TEST_F(deadly_sweeps, lose_the_8_tasks_that_crash_and_none_of_the_other_52) {
  expect_lost(sweep(cluster, 0, 8), 0, 8);
}

TEST_F(deadly_sweeps, lose_12_that_crash_in_a_row_and_none_of_the_others) {
  expect_lost(sweep(cluster, 0, 12), 0, 12);
}

TEST_F(deadly_sweeps, end_when_every_task_crashes_and_leave_a_cluster_that_works) {
  expect_lost(sweep(cluster, 0, 60), 0, 60);
  EXPECT_EQ(cluster.submit(square, 5).get(), 25);
}

TEST_F(deadly_sweeps, end_on_nodes_that_replace_their_workers_themselves) {
  auto on_nodes = make({.size = 2, .nodes = 2});
  on_nodes.start_cluster();
  expect_lost(sweep(on_nodes, 0, 12), 0, 12);
}

TEST_F(deadly_sweeps, are_given_up_after_max_lost_tasks_with_a_sentence_that_names_it) {
  auto strict = make({.size = 1, .max_lost = 3});
  strict.start_cluster();
  auto all = sweep(strict, 0, 8);
  for (std::size_t i = 0; i < 60; ++i)
    ASSERT_FALSE(all[i].has_value()) << i;
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(all[i].code(), daskify::error_code::worker_died) << i;
  for (std::size_t i = 3; i < 60; ++i)
    ASSERT_EQ(all[i].code(), daskify::error_code::run_given_up) << i;
  EXPECT_THAT(all[20].message(), AllOf(HasSubstr("Task 20 (20)"),
                                       HasSubstr("was given up with the rest of its run: 3 tasks of it were "
                                                 "lost, and the option max_lost allows no more; the last one "
                                                 "was task 2, whose worker"),
                                       HasSubstr("signal 6")));
  EXPECT_EQ(strict.submit(square, 5).get(), 25) << "other runs go on";
  EXPECT_THROW(strict.gather_data(strict.map([](int) { return crash(); }, daskify::range(9))), daskify::worker_lost);
}

TEST(deadly_sweeps_of_a_program, take_max_lost_from_the_command_line) {
  temporary_folder base;
  std::string name = "test", mode = "--daskify.max_lost=1",
              folder = "--daskify.session_directory=" + base.path().string();
  char* argv[] = {name.data(), mode.data(), folder.data(), nullptr};
  int argc = 3;
  daskify::daskified strict{argc, argv, {.size = 1, .progress = daskify::progress_style::off}};
  strict.start_cluster();
  auto all = sweep(strict, 5, 6);
  EXPECT_EQ(all[5].code(), daskify::error_code::worker_died);
  EXPECT_EQ(all[59].code(), daskify::error_code::run_given_up);
  EXPECT_THAT(all[59].message(),
              HasSubstr("1 task of it was lost, and the option max_lost allows no more; the last one "
                        "was task 5, whose worker"));
}

struct deadly_sweeps_on_slurm : slurm_test {
  static void SetUpTestSuite() { start({.nodes = 2}); }
};

TEST_F(deadly_sweeps_on_slurm, lose_12_that_crash_in_a_row_and_no_job) {
  temporary_folder base;
  environment_variable at_home{"HOME", base.path().string()};
  daskify::options with{.size = 4, .progress = daskify::progress_style::off};
  with.mode = daskify::cluster_mode::slurm;
  with.processes = 2;
  with.queue = "main";
  with.memory = 512 << 20;
  with.session_directory = base.path().string();
  auto cluster = program_with(with);
  cluster.start_cluster();
  auto jobs = output_of("squeue -h -r -o %i | sort");
  expect_lost(sweep(cluster, 0, 12), 0, 12);
  EXPECT_EQ(output_of("squeue -h -r -o %i | sort"), jobs);
  cluster.shutdown_cluster();
}

} // namespace
