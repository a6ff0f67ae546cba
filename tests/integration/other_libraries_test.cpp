/// Programs that use QuantLib and OpenBLAS give the same results, bit for bit, with and without workers.

#include "support/child_program.hpp"
#include "support/environment_variable.hpp"
#include "support/run_program.hpp"
#include "support/slurm_cluster.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

using namespace daskify::test;
using testing::AllOf;
using testing::HasSubstr;

namespace {

struct program_with_library {
  std::string program;
  std::string package; ///< Debian package without which the program is not built
  std::string prints;
};

void PrintTo(const program_with_library& p, std::ostream* out) {
  *out << p.program;
}

bool is_built(const program_with_library& p) {
  return std::filesystem::exists(DASKIFY_BIN_DIR "/" + p.program);
}

std::string why_not(const program_with_library& p) {
  return p.program + " was not built, because " + p.package + " was not installed when the build was configured";
}

const auto programs = testing::Values(
    program_with_library{"with_quantlib", "libquantlib0-dev", "2805 options, worth 0.0000 to 52.9476 on day 45366"},
    program_with_library{"with_openblas", "libopenblas-dev", "300 matrices"});

auto same_bits(const program_with_library& p) {
  return AllOf(HasSubstr(p.prints), HasSubstr("largest difference from the sequential run: 0; "),
               HasSubstr("that differ in any bit: 0\n"));
}

struct other_libraries : testing::TestWithParam<program_with_library> {
  void SetUp() override {
    if (!is_built(GetParam()))
      GTEST_SKIP() << why_not(GetParam());
  }
};

TEST_P(other_libraries, give_the_same_bits_on_workers_of_this_machine) {
  auto run = run_program(GetParam().program, "--daskify.size=3");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.output, same_bits(GetParam()));
}

struct other_libraries_on_slurm : slurm_test, testing::WithParamInterface<program_with_library> {
  static void SetUpTestSuite() { start({.nodes = 2}); }

  void SetUp() override {
    if (!is_built(GetParam()))
      GTEST_SKIP() << why_not(GetParam());
    slurm_test::SetUp();
  }

  temporary_folder base;
  environment_variable at_home{"HOME", base.path().string()};
};

TEST_P(other_libraries_on_slurm, give_the_same_bits_in_jobs) {
  child_program run{GetParam().program,
                    {"--daskify.mode=slurm", "--daskify.size=4", "--daskify.processes=2", "--daskify.cores=2",
                     "--daskify.queue=main", "--daskify.memory=1GiB",
                     "--daskify.session_directory=" + base.path().string()}};
  EXPECT_EQ(run.wait(std::chrono::seconds{90}), 0);
  EXPECT_THAT(run.output(), same_bits(GetParam()));
}

auto name_of = [](const auto& test) { return test.param.program; };
INSTANTIATE_TEST_SUITE_P(all, other_libraries, programs, name_of);
INSTANTIATE_TEST_SUITE_P(all, other_libraries_on_slurm, programs, name_of);

} // namespace
