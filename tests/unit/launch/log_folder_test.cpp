#include "daskify/launch/log_folder.hpp"

#include "daskify/error.hpp"
#include "support/environment_variable.hpp"
#include "support/leftovers.hpp"

#include <csignal>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace daskify::internal;
using daskify::test::environment_variable;
using daskify::test::temporary_folder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

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
  EXPECT_THAT(log_folders_in(base.path()), UnorderedElementsAreArray(all));
}

TEST(log_folder, is_told_from_other_things) {
  temporary_folder base;
  for (auto name : {"logs", "20240501-100000", "20240501-100000-", "20240501-100000-x", "20240501-100000-1.old",
                    "2024-0501-10000-17", "20240501 100000 17"})
    std::filesystem::create_directory(base.path() / name);
  std::ofstream{base.path() / "20990101-000000-1"} << "no folder";
  std::filesystem::create_directory_symlink(base.path() / "logs", base.path() / "20990101-000000-2");
  EXPECT_THAT(log_folders_in(base.path()), IsEmpty());
  EXPECT_THROW(log_folders_in(base.path() / "20990101-000000-1"), daskify::cluster_error) << "that is no folder";
  EXPECT_THAT(log_folders_in(base.path() / "nowhere"), IsEmpty());
}

TEST(log_folder, is_found_by_its_time) {
  temporary_folder base;
  for (auto name : {"20240501-100000-9", "20240502-100000-1-2", "20230101-000000-5", "20240502-100000-1"})
    std::filesystem::create_directory(base.path() / name);
  EXPECT_THAT(log_folders_in(base.path()),
              ElementsAre(base.path() / "20230101-000000-5", base.path() / "20240501-100000-9",
                          base.path() / "20240502-100000-1", base.path() / "20240502-100000-1-2"));
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
  EXPECT_THAT(said, HasSubstr("Cannot write into the log_directory " + base.path().string()));
  EXPECT_TRUE(std::filesystem::is_empty(base.path()));
}
