/// Every example runs, passes its own checks, and prints what its readers look for.

#include "support/run_program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ostream>
#include <string>

using daskify::test::run_program;
using testing::HasSubstr;

namespace {

struct example {
  std::string program;
  std::string prints;
};

void PrintTo(const example& e, std::ostream* out) {
  *out << e.program;
}

class examples : public testing::TestWithParam<example> {};

} // namespace

TEST_P(examples, succeeds_and_prints_its_result) {
  auto result = run_program(GetParam().program);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr(GetParam().prints));
}

INSTANTIATE_TEST_SUITE_P(
    all, examples,
    testing::Values(example{"hello_sweep", "70\t80\t90\t100"},
                    example{"errors", "task 0 (-2) threw std::domain_error: no real root of a negative number"},
                    example{"futures_as_arguments", "sweeps made of tasks: 17 letters"},
                    example{"scattered_data", "sum of 1 to 5000000: 12500002500000"},
                    example{"tasks_of_tasks", "integral: 0.0560499"},
                    example{"random_walk", "1000 steps: mean square distance"},
                    example{"progress", "100 tasks: 0 pending, 0 running, 100 finished, 0 error, 0 cancelled, 0 lost"}),
    [](const auto& test) { return test.param.program; });

TEST(random_walk, prints_the_same_for_every_number_of_workers) {
  auto one = run_program("random_walk", "--daskify.size 1");
  auto three = run_program("random_walk", "--daskify.size 3");
  EXPECT_EQ(one.exit_code, 0) << one.output;
  EXPECT_EQ(one.output, three.output);
}

TEST(errors_example, gathers_what_succeeded_beside_what_failed) {
  auto result = run_program("errors");
  EXPECT_THAT(result.output, HasSubstr("failed: Task 1 (-1)"));
  EXPECT_THAT(result.output, HasSubstr("\n1.73205\n2\n"));
}
