#include "daskify/deploy/log_folder.hpp"

#include "daskify/error.hpp"
#include "support/environment_variable.hpp"
#include "support/leftovers.hpp"

#include <csignal>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <set>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace daskify::internal;
using daskify::test::environment_variable;
using daskify::test::temporary_folder;
using testing::HasSubstr;

TEST(log_folder, is_made_for_us_alone) {
  temporary_folder base;
  auto logs = make_log_folder(base.path() / "a" / "b");
  EXPECT_EQ(logs.path.parent_path(), base.path() / "a" / "b");
  for (const auto& folder : {logs.path, logs.path.parent_path()}) {
    struct stat info {};
    ASSERT_EQ(::stat(folder.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0700U) << folder;
  }
  EXPECT_TRUE(std::filesystem::is_empty(logs.path)) << "nothing of the trial is left";
}

TEST(log_folder, is_another_one_for_each_cluster) {
  temporary_folder base;
  std::set<std::filesystem::path> all;
  for (int i = 0; i < 12; ++i) // most of them in one second
    all.insert(make_log_folder(base.path()).path);
  EXPECT_EQ(all.size(), 12u);
  for (const auto& folder : all)
    EXPECT_TRUE(is_name_of_log_folder(folder.filename().string())) << folder;
}

TEST(log_folder, is_told_from_other_things) {
  for (auto name : {"", "logs", "20240501-100000", "20240501-100000-", "20240501-100000-x", "20240501-100000-1.old",
                    "2024-0501-10000-17", "20240501 100000 17"})
    EXPECT_FALSE(is_name_of_log_folder(name)) << name;
  EXPECT_TRUE(is_name_of_log_folder("20240501-100000-4711"));
  EXPECT_TRUE(is_name_of_log_folder("20240501-100000-4711-2"));
}

TEST(log_folder, is_found_by_its_time) {
  temporary_folder base;
  EXPECT_EQ(newest_log_folder(base.path()), std::nullopt);
  EXPECT_EQ(newest_log_folder(base.path() / "nowhere"), std::nullopt);
  for (auto name : {"20240501-100000-9", "20240502-100000-1", "20230101-000000-5", "zzz"})
    std::filesystem::create_directory(base.path() / name);
  std::ofstream{base.path() / "20990101-000000-1"} << "no folder";
  EXPECT_EQ(newest_log_folder(base.path()), base.path() / "20240502-100000-1");
  EXPECT_THROW(newest_log_folder(base.path() / "20990101-000000-1"), daskify::cluster_error) << "that is no folder";
}

TEST(log_folder, is_made_where_the_settings_say) {
  environment_variable home{"HOME", "/home/ada"};
  settings with;
  EXPECT_EQ(base_of_logs(with), "/home/ada/.daskify/logs");
  with.session_directory = "/shared";
  EXPECT_EQ(base_of_logs(with), "/shared/logs");
  with.log_directory = "/logs";
  EXPECT_EQ(base_of_logs(with), "/logs");
}

TEST(log_folder, is_removed_when_nothing_is_in_it) {
  temporary_folder base;
  auto spoken = make_log_folder(base.path());
  std::ofstream{spoken.path / "worker-0.log"} << "a word\n";
  auto silent = make_log_folder(base.path());
  spoken.remove_if_empty();
  silent.remove_if_empty();
  EXPECT_TRUE(std::filesystem::exists(spoken.path / "worker-0.log"));
  EXPECT_FALSE(std::filesystem::exists(silent.path));
}

TEST(log_folder, is_in_use_as_long_as_somebody_has_it) {
  temporary_folder base;
  EXPECT_FALSE(is_in_use(base.path()));
  EXPECT_FALSE(is_in_use(base.path() / "nowhere"));
  auto one = make_log_folder(base.path());
  auto two = share_log_folder(one.path);
  EXPECT_TRUE(is_in_use(one.path));
  one.in_use.reset();
  EXPECT_TRUE(is_in_use(one.path));
  two.in_use.reset();
  EXPECT_FALSE(is_in_use(one.path));
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
    make_log_folder(base.path());
  } catch (const daskify::cluster_error& e) {
    said = e.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, before);
  EXPECT_THAT(said, HasSubstr("Nothing can be written into the log_directory " + base.path().string()));
  EXPECT_TRUE(std::filesystem::is_empty(base.path()));
}
