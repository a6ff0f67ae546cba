#include "daskify/transport/session_folder.hpp"

#include "daskify/error.hpp"
#include "support/environment_variable.hpp"
#include "support/forked.hpp"
#include "support/sample_connection.hpp"
#include "support/session_failed.hpp"
#include "support/text_of.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <optional>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace daskify;
using namespace daskify::internal;
using namespace daskify::test;
namespace fs = std::filesystem;

namespace {

mode_t mode_of(const fs::path& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 0777U : 0;
}

void write_file(const fs::path& file, std::string_view text) {
  std::ofstream{file, std::ios::binary} << text;
  fs::permissions(file, fs::perms{0600});
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{folder})
    names.push_back(entry.path().filename());
  return names;
}

std::string own_prefix() {
  return "daskify-" + std::to_string(::geteuid()) + "-";
}

class session_folder_test : public testing::Test {
protected:
  void SetUp() override {
    auto name = testing::TempDir() + "session-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    base_ = name;
  }
  void TearDown() override { fs::remove_all(base_); }

  session_folder started(const process_identity& owner) {
    auto folder = session_folder::create(base_);
    auto what = sample_connection();
    what.owner = owner;
    folder.publish(what);
    return folder;
  }

  static void make_old(const fs::path& folder) {
    timespec long_ago[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, folder.c_str(), long_ago, 0), 0);
  }

  fs::path base_;
};

} // namespace

TEST_F(session_folder_test, is_made_for_us_alone_under_any_umask) {
  for (mode_t mask : {0000U, 0022U, 0277U}) {
    auto before = ::umask(mask);
    auto folder = session_folder::create(base_);
    ::umask(before);
    EXPECT_EQ(mode_of(folder.path()), 0700U);
    EXPECT_EQ(folder.path().parent_path(), base_);
    EXPECT_TRUE(folder.path().filename().string().starts_with(own_prefix()));
    EXPECT_EQ(session_folder::open(folder.path()).path(), folder.path());
  }
  EXPECT_EQ(names_in(base_).size(), 3U);
}

TEST_F(session_folder_test, lies_in_the_users_runtime_folder) {
  environment_variable runtime{"XDG_RUNTIME_DIR", base_};
  EXPECT_EQ(session_folder::create().path().parent_path(), base_);
}

TEST_F(session_folder_test, lies_in_tmp_when_the_runtime_folder_is_none) {
  write_file(base_ / "file", "");
  for (const fs::path& value : {fs::path{}, fs::path{"."}, base_ / "missing", base_ / "file"}) {
    environment_variable runtime{"XDG_RUNTIME_DIR", value};
    auto folder = session_folder::create();
    EXPECT_TRUE(folder.remove());
    EXPECT_EQ(folder.path().parent_path(), "/tmp");
  }
}

TEST_F(session_folder_test, says_when_it_cannot_be_made) {
  expect_failed([&] { session_folder::create(base_ / "missing"); }, (base_ / "missing").string());
  expect_failed([&] { session_folder::create("/proc/self"); }, "choose a folder");
}

TEST_F(session_folder_test, is_opened_by_a_relative_path_and_with_a_slash_at_the_end) {
  auto folder = session_folder::create(base_);
  EXPECT_EQ(session_folder::open(folder.path() / "").path(), folder.path());
  EXPECT_EQ(session_folder::open(fs::relative(folder.path())).path(), folder.path());
}

TEST_F(session_folder_test, is_refused_when_it_is_no_folder) {
  auto folder = session_folder::create(base_);
  fs::create_directory_symlink(folder.path(), base_ / "link");
  write_file(base_ / "file", "");
  expect_failed([&] { session_folder::open(base_ / "link"); }, "is not a folder");
  expect_failed([&] { session_folder::open(base_ / "link" / ""); }, "is not a folder");
  expect_failed([&] { session_folder::open(base_ / "file"); }, "is not a folder");
  expect_failed([&] { session_folder::open(base_ / "missing"); }, "is not there");
  expect_failed([&] { session_folder::open(""); }, "is not there");
}

TEST_F(session_folder_test, is_refused_when_it_is_open_to_others) {
  auto folder = started(this_process());
  for (unsigned mode : {0755U, 0710U, 0701U, 0777U}) {
    fs::permissions(folder.path(), fs::perms{mode});
    expect_failed([&] { session_folder::open(folder.path()); }, "cannot be trusted");
    expect_failed([&] { folder.read_connection(); }, "cannot be trusted");
    expect_failed([&] { folder.publish(sample_connection()); }, "cannot be trusted");
    EXPECT_FALSE(folder.remove());
  }
}

TEST_F(session_folder_test, is_left_alone_when_it_belongs_to_another_user) {
  if (::geteuid() != 0)
    GTEST_SKIP() << "only root can give a folder away";
  auto folder = started(ended_process());
  ASSERT_EQ(::chown(folder.path().c_str(), 65534, 65534), 0);
  expect_failed([&] { session_folder::open(folder.path()); }, "cannot be trusted");
  EXPECT_FALSE(folder.remove());
  EXPECT_EQ(session_folder::sweep_stale(base_), 0U);
  EXPECT_TRUE(fs::exists(folder.path() / "scheduler"));

  environment_variable runtime{"XDG_RUNTIME_DIR", folder.path()};
  auto own = session_folder::create();
  EXPECT_TRUE(own.remove());
  EXPECT_EQ(own.path().parent_path(), "/tmp");
}

TEST_F(session_folder_test, tells_other_processes_where_the_scheduler_is) {
  auto folder = session_folder::create(base_);
  folder.publish(sample_connection());
  EXPECT_EQ(mode_of(folder.path() / "scheduler"), 0600U);
  EXPECT_EQ(exit_code_of(forked([&, what = sample_connection()] {
              return session_folder::open(folder.path()).read_connection() == what;
            })),
            0);
}

TEST_F(session_folder_test, replaces_its_connection_and_leaves_no_other_file) {
  auto folder = session_folder::create(base_);
  folder.publish(sample_connection());
  auto moved = sample_connection();
  moved.addresses = {{"127.0.0.1", 1}};
  folder.publish(moved);
  EXPECT_EQ(folder.read_connection(), moved);
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"scheduler"});
}

TEST_F(session_folder_test, shows_readers_the_old_or_the_new_connection_and_nothing_between) {
  auto folder = session_folder::create(base_);
  const auto one = sample_connection();
  auto other = sample_connection();
  other.addresses.resize(500, {"a.much.longer.list.of.addresses", 9});
  folder.publish(one);
  std::thread writer{[&] {
    for (int i = 0; i < 100; ++i)
      folder.publish(i % 2 == 0 ? other : one);
  }};
  for (int i = 0; i < 200; ++i) {
    auto seen = folder.read_connection();
    EXPECT_TRUE(seen == one || seen == other);
  }
  writer.join();
}

TEST_F(session_folder_test, refuses_to_write_what_nobody_could_read) {
  auto folder = session_folder::create(base_);
  for (auto change : {+[](connection& c) { c.session_id = "two words"; }, +[](connection& c) { c.session_id = ""; },
                      +[](connection& c) { c.addresses.clear(); }, +[](connection& c) { c.addresses[0].port = 0; },
                      +[](connection& c) { c.addresses[1].host = "line\nbreak"; },
                      +[](connection& c) {
                        c.addresses.resize(10'000, {"host", 1});
                      },
                      +[](connection& c) { c.secret = "short"; }, +[](connection& c) { c.build_id = ""; },
                      +[](connection& c) { c.owner = {}; }}) {
    auto what = sample_connection();
    change(what);
    expect_failed([&] { folder.publish(what); }, folder.path().string());
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST_F(session_folder_test, says_why_its_connection_cannot_be_read) {
  auto folder = session_folder::create(base_);
  const auto file = folder.path() / "scheduler";
  expect_failed([&] { folder.read_connection(); }, "has not started yet");
  write_file(file, "junk\n");
  expect_failed([&] { folder.read_connection(); }, "damaged");
  write_file(file, format_connection(sample_connection()));
  fs::permissions(file, fs::perms{0644});
  expect_failed([&] { folder.read_connection(); }, "cannot be read");
  fs::rename(file, base_ / "elsewhere");
  fs::permissions(base_ / "elsewhere", fs::perms{0600});
  fs::create_symlink(base_ / "elsewhere", file);
  expect_failed([&] { folder.read_connection(); }, "cannot be read");
  fs::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  expect_failed([&] { folder.read_connection(); }, "cannot be read");
}

TEST_F(session_folder_test, removes_all_that_is_in_it_but_follows_no_link) {
  auto folder = started(this_process());
  fs::create_directories(base_ / "precious");
  write_file(base_ / "precious" / "file", "kept");
  fs::create_directory_symlink(base_ / "precious", folder.path() / "link");
  fs::create_symlink(base_ / "precious" / "file", folder.path() / "other_link");
  fs::create_directories(folder.path() / "logs" / "inner");
  write_file(folder.path() / "logs" / "inner" / "worker", "text");
  ASSERT_EQ(::mkfifo((folder.path() / "logs" / "fifo").c_str(), 0600), 0);
  EXPECT_TRUE(folder.remove());
  EXPECT_FALSE(fs::exists(folder.path()));
  EXPECT_EQ(text_of(base_ / "precious" / "file"), "kept");
  EXPECT_TRUE(folder.remove());
}

TEST_F(session_folder_test, does_not_remove_what_has_taken_its_place) {
  auto folder = session_folder::create(base_);
  fs::rename(folder.path(), base_ / "elsewhere");
  write_file(base_ / "elsewhere" / "file", "kept");
  fs::create_directory_symlink(base_ / "elsewhere", folder.path());
  EXPECT_FALSE(folder.remove());
  EXPECT_TRUE(fs::exists(base_ / "elsewhere" / "file"));
}

TEST_F(session_folder_test, can_be_removed_by_all_its_processes_at_once) {
  auto folder = started(this_process());
  for (int i = 0; i < 200; ++i)
    write_file(folder.path() / std::to_string(i), "text");
  std::vector<pid_t> pids;
  for (int i = 0; i < 4; ++i)
    pids.push_back(forked([&] { return folder.remove(); }));
  for (auto pid : pids)
    EXPECT_EQ(exit_code_of(pid), 0);
  EXPECT_TRUE(fs::is_empty(base_));
}

TEST_F(session_folder_test, sweeps_away_only_what_is_surely_dead) {
  auto dead = started(ended_process());
  auto earlier = this_process();
  --earlier.start_time;
  auto pid_used_again = started(earlier);
  auto never_started = session_folder::create(base_);
  make_old(never_started.path());

  auto alive = started(this_process());
  make_old(alive.path());
  auto starting = session_folder::create(base_);
  auto foreign = ended_process();
  foreign.boot_id = "of-another-machine";
  auto elsewhere = started(foreign);
  auto unreadable = session_folder::create(base_);
  write_file(unreadable.path() / "scheduler", "of a later version\n");
  make_old(unreadable.path());

  EXPECT_EQ(session_folder::sweep_stale(base_), 3U);
  for (const auto& gone : {dead, pid_used_again, never_started})
    EXPECT_FALSE(fs::exists(gone.path()));
  for (const auto& kept : {alive, starting, elsewhere, unreadable})
    EXPECT_TRUE(fs::exists(kept.path()));
  EXPECT_EQ(session_folder::sweep_stale(base_), 0U);
}

TEST_F(session_folder_test, sweeps_nothing_that_only_looks_like_a_session) {
  const auto other_user = "daskify-" + std::to_string(::geteuid() + 1) + "-abcdef";
  auto elsewhere = base_ / "elsewhere";
  for (const auto& name : {own_prefix() + "abcdefg", own_prefix() + "abc", other_user, std::string{"elsewhere"}}) {
    auto dead = started(ended_process());
    fs::rename(dead.path(), base_ / name);
  }
  fs::create_directory_symlink(elsewhere, base_ / (own_prefix() + "linked"));
  write_file(base_ / (own_prefix() + "a_file"), "");
  auto before = names_in(base_).size();
  EXPECT_EQ(session_folder::sweep_stale(base_), 0U);
  EXPECT_EQ(names_in(base_).size(), before);
  EXPECT_TRUE(fs::exists(elsewhere / "scheduler"));
}

TEST_F(session_folder_test, sweeps_nothing_where_there_is_nothing) {
  EXPECT_EQ(session_folder::sweep_stale(base_ / "missing"), 0U);
  write_file(base_ / "file", "");
  EXPECT_EQ(session_folder::sweep_stale(base_ / "file"), 0U);
}

TEST_F(session_folder_test, is_swept_by_several_processes_at_once) {
  for (int i = 0; i < 20; ++i)
    started(ended_process());
  std::vector<pid_t> pids;
  for (int i = 0; i < 4; ++i)
    pids.push_back(forked([&] { return session_folder::sweep_stale(base_) <= 20; }));
  for (auto pid : pids)
    EXPECT_EQ(exit_code_of(pid), 0);
  EXPECT_TRUE(fs::is_empty(base_));
}

// -- the folder of a standing cluster -----------------------------------------------------------------------

static std::string sentence_of_claim(const fs::path& folder) {
  try {
    session_folder::claim(folder);
  } catch (const cluster_error& e) {
    return e.what();
  }
  return {};
}

TEST_F(session_folder_test, is_claimed_by_one_at_a_time) {
  auto path = base_ / "deep" / "cluster";
  {
    auto claimed = session_folder::claim(path);
    EXPECT_EQ(mode_of(path), 0700U);
    auto again = sentence_of_claim(path);
    EXPECT_NE(again.find("another running scheduler"), std::string::npos) << again;
    auto copy = claimed;
    claimed.publish(sample_connection());
    EXPECT_EQ(session_folder::open(path).read_connection(), sample_connection());
  }
  EXPECT_EQ(sentence_of_claim(path), "") << "the last copy let go of it";
}

TEST_F(session_folder_test, claimed_and_removed_leaves_what_is_not_its_own) {
  auto path = base_ / "cluster";
  auto claimed = session_folder::claim(path);
  claimed.publish(sample_connection());
  EXPECT_TRUE(claimed.remove());
  EXPECT_FALSE(fs::exists(path));
  fs::create_directory(path);
  fs::permissions(path, fs::perms::owner_all);
  write_file(path / "thesis", "a year of work");
  claimed = session_folder::claim(path);
  claimed.publish(sample_connection());
  EXPECT_TRUE(claimed.remove());
  EXPECT_EQ(names_in(path), std::vector<std::string>{"thesis"});
}

TEST_F(session_folder_test, is_not_claimed_where_others_may_look) {
  auto path = base_ / "open";
  fs::create_directory(path);
  fs::permissions(path, fs::perms{0755});
  EXPECT_NE(sentence_of_claim(path).find("open to others"), std::string::npos);
}

TEST_F(session_folder_test, is_removed_by_others_only_when_its_scheduler_is_dead) {
  auto path = base_ / "cluster";
  {
    auto claimed = session_folder::claim(path);
    claimed.publish(sample_connection());
  }
  auto seen = session_folder::open(path);
  EXPECT_FALSE(seen.remove_if_abandoned());
  EXPECT_TRUE(fs::exists(path)) << "its owner lives";
  auto dead = sample_connection();
  dead.owner = ended_process();
  session_folder::claim(path).publish(dead);
  EXPECT_TRUE(seen.remove_if_abandoned());
  EXPECT_FALSE(fs::exists(path));
  EXPECT_FALSE(seen.remove_if_abandoned());
}
