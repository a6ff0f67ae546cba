/// Runs every measurement of daskify-bench at small sizes.

#include "support/run_program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <sstream>
#include <string>

using daskify::test::run_program;
using testing::HasSubstr;

namespace {

/// The figures by their names.
std::map<std::string, double> figures_in(const std::string& output) {
  std::map<std::string, double> figures;
  std::istringstream lines{output};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string name;
    if (double value = NAN; words >> name >> value)
      figures[name] = value;
  }
  return figures;
}

/// The figures that a measurement prints.
struct measurement {
  std::string name;
  std::vector<std::string> figures;
};

void PrintTo(const measurement& m, std::ostream* out) {
  *out << m.name;
}

struct bench : testing::TestWithParam<measurement> {};

TEST_P(bench, measures_at_small_sizes) {
  auto run = run_program("daskify-bench", "--small " + GetParam().name);
  ASSERT_EQ(run.exit_code, 0) << run.output;
  auto figures = figures_in(run.output);
  EXPECT_EQ(figures.size(), GetParam().figures.size()) << run.output;
  for (const auto& name : GetParam().figures)
    EXPECT_TRUE(figures.contains(name) && std::isfinite(figures[name])) << name << "\n" << run.output;
}

INSTANTIATE_TEST_SUITE_P(
    all, bench,
    testing::Values(measurement{"start", {"start_to_first_result", "start_to_first_result_and_end"}},
                    measurement{"many_tasks", {"run_20k_noop", "run_20k_noop_rate"}},
                    measurement{"many_registered", {"run_20k_registered", "run_20k_registered_ratio"}},
                    measurement{"one_task", {"submit_get_median"}}, measurement{"many_submits", {"submit_rate"}},
                    measurement{"scatter",
                                {"scatter_4MiB_2_workers_vs_copy", "scatter_4MiB_2_workers_memory",
                                 "scatter_4MiB_3_workers_vs_copy", "scatter_4MiB_3_workers_memory"}},
                    measurement{"gather", {"gather_4MiB_vs_copy", "view_4MiB"}},
                    measurement{"data_tasks",
                                {"task_on_1MiB_alone", "task_on_1MiB_each", "task_on_4MiB_alone", "task_on_4MiB_each"}},
                    measurement{"nodes",
                                {"raw_tcp_4MiB", "second_node_4MiB", "second_node_4MiB_vs_raw", "2_nodes_4MiB",
                                 "2_nodes_4MiB_vs_2_copies", "2_nodes_4MiB_client_sent"}},
                    measurement{"five_gib", {"second_node_10MiB"}},
                    measurement{"small_objects",
                                {"small_objects_put", "small_objects_get", "small_objects_released",
                                 "small_objects_memory_each"}}),
    [](const auto& test) { return test.param.name; });

TEST(bench_program, names_all_measurements_when_asked_for_one_that_is_none) {
  auto run = run_program("daskify-bench", "--small everything");
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.output, HasSubstr("no measurement 'everything'"));
  // A measurement that is added to the program has to be added above.
  EXPECT_THAT(run.output, HasSubstr("there are --small and data_tasks five_gib gather many_registered many_submits "
                                    "many_tasks nodes one_task scatter small_objects start\n"));
}

} // namespace
