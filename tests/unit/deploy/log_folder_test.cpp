#include "daskify/deploy/log_folder.hpp"

#include "daskify/error.hpp"
#include "support/leftovers.hpp"

#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace daskify::internal;
using daskify::test::temporary_folder;
using testing::HasSubstr;

TEST(log_folder, is_made_for_us_alone) {
  temporary_folder base;
  auto folder = base.path() / "a" / "b";
  use_log_folder(folder);
  struct stat info {};
  ASSERT_EQ(::stat(folder.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  EXPECT_TRUE(std::filesystem::is_empty(folder)) << "nothing of the trial is left";
}

TEST(log_folder, is_in_use_as_long_as_somebody_has_it) {
  temporary_folder base;
  EXPECT_FALSE(is_in_use(base.path()));
  EXPECT_FALSE(is_in_use(base.path() / "nowhere"));
  auto one = use_log_folder(base.path());
  auto two = use_log_folder(base.path());
  EXPECT_TRUE(is_in_use(base.path()));
  one.reset();
  EXPECT_TRUE(is_in_use(base.path()));
  two.reset();
  EXPECT_FALSE(is_in_use(base.path()));
}

TEST(log_folder, is_refused_where_nothing_can_be_written) {
  temporary_folder base;
  auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlimit nothing{0, limit.rlim_max}; // as on a full disk
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &nothing), 0);
  std::string said;
  try {
    use_log_folder(base.path());
  } catch (const daskify::cluster_error& e) {
    said = e.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, before);
  EXPECT_THAT(said, HasSubstr("Nothing can be written into the log_directory " + base.path().string()));
  EXPECT_TRUE(std::filesystem::is_empty(base.path()));
}
