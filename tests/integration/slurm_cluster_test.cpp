/// The SLURM that tests run on.

#include "support/slurm_cluster.hpp"

#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

using namespace daskify::test;
namespace fs = std::filesystem;

TEST(slurm_cluster, is_gone_when_it_goes_out_of_scope) {
  fs::path configuration;
  int pids[3];
  {
    slurm_cluster slurm{{.nodes = 1}};
    configuration = slurm.configuration();
    EXPECT_EQ(::getenv("SLURM_CONF"), configuration);
    int* pid = pids;
    for (auto daemon : {"munged", "slurmctld", "slurmd-n1"})
      EXPECT_TRUE(is_alive(*pid++ = slurm.pid_of(daemon)));
  }
  EXPECT_EQ(::getenv("SLURM_CONF"), nullptr);
  EXPECT_FALSE(fs::exists(configuration.parent_path()));
  for (auto pid : pids)
    EXPECT_FALSE(is_alive(pid));
}

TEST(slurm_cluster, is_gone_after_the_test_was_killed) {
  int news[2];
  ASSERT_EQ(::pipe2(news, O_CLOEXEC), 0);
  pid_t test = ::fork();
  if (test == 0) {
    slurm_cluster slurm{{.nodes = 1}};
    auto text = std::to_string(slurm.pid_of("slurmctld")) + " " + slurm.configuration().string() + "\n";
    static_cast<void>(!::write(news[1], text.data(), text.size()));
    ::raise(SIGKILL);
  }
  ::close(news[1]);
  std::string said;
  char c = 0;
  while (::read(news[0], &c, 1) == 1)
    said += c;
  ::close(news[0]);
  ASSERT_EQ(::waitpid(test, nullptr, 0), test);
  std::istringstream stream{said};
  int controller = 0;
  fs::path configuration;
  ASSERT_TRUE(stream >> controller >> configuration) << said;
  EXPECT_TRUE(eventually([&] { return !is_alive(controller) && !fs::exists(configuration.parent_path()); }));
}

TEST(slurm_cluster, says_why_it_cannot_be_started) {
  try {
    slurm_cluster slurm{{.nodes = 1, .extra = "SelectType=select/nothing"}};
    FAIL() << "was started";
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("select/nothing"));
  }
}
