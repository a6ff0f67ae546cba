#include "daskify/transport/session_folder.hpp"

#include "daskify/error.hpp"
#include "support/environment_variable.hpp"
#include "support/text_of.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <iterator>
#include <optional>
#include <random>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace daskify;
using namespace daskify::internal;
namespace fs = std::filesystem;

using daskify::test::text_of;

namespace {

using daskify::test::environment_variable;

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

connection sample() {
  return {.session_id = "s-1",
          .addresses = {{"node7.example.org", 4711}, {"::1", 65535}},
          .secret = std::string(64, 'a'),
          .owner = this_process(),
          .build_id = "b0b1"};
}

/// Runs `work` in a forked process and gives its pid.
pid_t forked(const std::function<bool()>& work) {
  pid_t pid = ::fork();
  if (pid == 0)
    ::_exit(work() ? 0 : 1);
  return pid;
}

int exit_code_of(pid_t pid) {
  int status = -1;
  return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

process_identity ended_process() {
  auto result = this_process();
  result.pid = forked([] { return true; });
  exit_code_of(result.pid);
  return result;
}

void expect_failed(const std::function<void()>& call, const std::string& what) {
  try {
    call();
    FAIL() << "did not fail: " << what;
  } catch (const cluster_error& e) {
    EXPECT_EQ(e.code(), error_code::session_failed);
    EXPECT_NE(std::string{e.what()}.find(what), std::string::npos) << e.what();
  }
}

bool is_accepted(std::string_view text) {
  try {
    return format_connection(parse_connection(text, "file")) == text;
  } catch (const cluster_error& e) {
    EXPECT_EQ(e.code(), error_code::session_failed);
    return false;
  }
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
    auto what = sample();
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

TEST(random_hex, gives_as_many_bytes_as_asked_for_and_never_the_same) {
  EXPECT_EQ(random_hex(0), "");
  EXPECT_EQ(random_hex(1).size(), 2U);
  EXPECT_EQ(random_hex(33).size(), 66U);
  EXPECT_EQ(random_hex(32).find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(random_hex(32), random_hex(32));
}

TEST(process_identity, stays_the_same_for_one_process_and_differs_for_another) {
  auto here = this_process();
  EXPECT_EQ(here.pid, ::getpid());
  EXPECT_EQ(here, this_process());
  EXPECT_EQ(exit_code_of(forked([&] { return this_process() != here; })), 0);
}

TEST(process_identity, is_gone_once_the_process_has_ended) {
  EXPECT_FALSE(is_gone(this_process()));
  EXPECT_TRUE(is_gone(ended_process()));
}

TEST(process_identity, is_gone_when_only_a_zombie_is_left) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  pid_t pid = forked([&] {
    auto identity = this_process();
    return ::write(ends[1], &identity.start_time, sizeof identity.start_time) > 0;
  });
  auto identity = this_process();
  identity.pid = pid;
  ASSERT_EQ(::read(ends[0], &identity.start_time, sizeof identity.start_time),
            static_cast<ssize_t>(sizeof identity.start_time));
  ::close(ends[0]);
  ::close(ends[1]);
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(is_gone(identity));
  EXPECT_EQ(exit_code_of(pid), 0);
}

TEST(process_identity, is_gone_when_its_pid_belongs_to_another_process_now) {
  auto earlier = this_process();
  --earlier.start_time;
  EXPECT_TRUE(is_gone(earlier));
}

TEST(process_identity, is_not_gone_when_it_cannot_be_judged_from_here) {
  for (auto change :
       {+[](process_identity& p) { p.boot_id = "of-another-machine"; }, +[](process_identity& p) { p.boot_id = "-"; },
        +[](process_identity& p) { p.pid = 0; }, +[](process_identity& p) { p.pid = -1; },
        +[](process_identity& p) { ++p.pid_namespace; }, +[](process_identity& p) { p.pid_namespace = 0; }}) {
    auto process = ended_process();
    change(process);
    EXPECT_FALSE(is_gone(process));
  }
}

TEST(process_identity, is_of_an_earlier_boot_when_only_its_machine_has_the_same_name) {
  EXPECT_FALSE(is_of_an_earlier_boot(this_process()));
  auto earlier = this_process();
  earlier.boot_id = "of-yesterday";
  EXPECT_TRUE(is_of_an_earlier_boot(earlier));
  for (auto name : {"another-machine", "-", "localhost"}) {
    earlier.host = name;
    EXPECT_FALSE(is_of_an_earlier_boot(earlier)) << name;
  }
}

TEST(process_stat, is_read_behind_a_name_that_looks_like_the_rest) {
  const std::string rest = " R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21\n";
  EXPECT_EQ(parse_process_stat("12 (sh)" + rest), (process_stat{'R', 4711}));
  EXPECT_EQ(parse_process_stat("12 (a) Z 1 (b c)" + rest), (process_stat{'R', 4711}));
}

TEST(process_stat, is_nothing_for_junk) {
  for (auto text : {"", ")", ") ", "12 (sh) R", "12 (sh) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x 20",
                    "12 (sh) RR 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20", "12 sh R 1 2 3"})
    EXPECT_EQ(parse_process_stat(text), std::nullopt) << text;
}

TEST(connection_text, gives_back_what_was_written) {
  EXPECT_EQ(parse_connection(format_connection(sample()), "file"), sample());
}

TEST(connection_text, names_the_file_and_the_way_out_when_it_is_damaged) {
  expect_failed([] { parse_connection("junk", "/some/file"); }, "'/some/file'");
  expect_failed([] { parse_connection("junk", "/some/file"); }, "remove it once no scheduler");
}

TEST(connection_text, is_refused_when_it_was_not_written_by_us) {
  const auto good = format_connection(sample());
  ASSERT_TRUE(is_accepted(good));
  auto changed = [&](std::string_view from, std::string_view to) {
    auto text = good;
    auto at = text.find(from);
    EXPECT_NE(at, text.npos) << from;
    return text.replace(at, from.size(), to);
  };
  for (const auto& text : {
           changed("session 1", "session 2"),
           changed("session s-1", "session "),
           changed("session s-1", "session s 1"),
           changed("session s-1", "session s\t1"),
           changed("session s-1", "session \xff"),
           changed("session s-1\n", ""),
           changed("session s-1\n", "session s-1\nsession s-1\n"),
           changed(" 4711", " 0"),
           changed(" 4711", " 65536"),
           changed(" 4711", " 04711"),
           changed(" 4711", " -1"),
           changed(" 4711", ""),
           changed("secret a", "secret A"),
           changed("secret a", "secret "),
           changed("secret a", "secret aa"),
           changed("owner ", "owner -"),
           changed("owner ", "owner 999999999999"),
           changed("build b0b1", "build"),
           changed("\nend\n", "\nend"),
           changed("\nend\n", "\n"),
           changed("\nend\n", "\nend\n\n"),
           changed("\nend\n", "\nother x\nend\n"),
           changed("\n", "\r\n"),
           good + std::string(1 << 17, '\n'),
           std::string(1 << 17, 'x'),
           std::string(1, '\0'),
       })
    EXPECT_FALSE(is_accepted(text)) << text.substr(0, 400);
  auto homeless = sample();
  homeless.addresses.clear();
  EXPECT_FALSE(is_accepted(format_connection(homeless)));
}

TEST(connection_text, is_refused_when_it_ends_anywhere_before_its_end) {
  const auto good = format_connection(sample());
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_FALSE(is_accepted(std::string_view{good}.substr(0, length))) << length;
}

TEST(connection_text, that_is_accepted_after_random_damage_means_what_it_says) {
  std::mt19937 random{7};
  auto below = [&](std::size_t limit) { return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random); };
  const auto good = format_connection(sample());
  for (int i = 0; i < 20'000; ++i) {
    auto text = good;
    for (auto times = 1 + below(4); times != 0; --times)
      text[below(text.size())] = static_cast<char>(below(256));
    try {
      auto parsed = parse_connection(text, "file");
      ASSERT_EQ(format_connection(parsed), text);
      ASSERT_EQ(parsed.secret.size(), 64U);
      ASSERT_EQ(parsed.addresses.size(), 2U);
      ASSERT_GT(parsed.owner.pid, 0);
    } catch (const cluster_error&) {
      continue; // refused is as good
    }
  }
}

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
    expect_failed([&] { folder.publish(sample()); }, "cannot be trusted");
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
  folder.publish(sample());
  EXPECT_EQ(mode_of(folder.path() / "scheduler"), 0600U);
  EXPECT_EQ(exit_code_of(
                forked([&, what = sample()] { return session_folder::open(folder.path()).read_connection() == what; })),
            0);
}

TEST_F(session_folder_test, replaces_its_connection_and_leaves_no_other_file) {
  auto folder = session_folder::create(base_);
  folder.publish(sample());
  auto moved = sample();
  moved.addresses = {{"127.0.0.1", 1}};
  folder.publish(moved);
  EXPECT_EQ(folder.read_connection(), moved);
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"scheduler"});
}

TEST_F(session_folder_test, shows_readers_the_old_or_the_new_connection_and_nothing_between) {
  auto folder = session_folder::create(base_);
  const auto one = sample();
  auto other = sample();
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
    auto what = sample();
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
  write_file(file, format_connection(sample()));
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
    EXPECT_NE(again.find("another scheduler that is running"), std::string::npos) << again;
    auto copy = claimed;
    claimed.publish(sample());
    EXPECT_EQ(session_folder::open(path).read_connection(), sample());
  }
  EXPECT_EQ(sentence_of_claim(path), "") << "the last copy let go of it";
}

TEST_F(session_folder_test, claimed_and_removed_leaves_what_is_not_its_own) {
  auto path = base_ / "cluster";
  auto claimed = session_folder::claim(path);
  claimed.publish(sample());
  EXPECT_TRUE(claimed.remove());
  EXPECT_FALSE(fs::exists(path));
  fs::create_directory(path);
  fs::permissions(path, fs::perms::owner_all);
  write_file(path / "thesis", "a year of work");
  claimed = session_folder::claim(path);
  claimed.publish(sample());
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
    claimed.publish(sample());
  }
  auto seen = session_folder::open(path);
  EXPECT_FALSE(seen.remove_if_abandoned());
  EXPECT_TRUE(fs::exists(path)) << "its owner lives";
  auto dead = sample();
  dead.owner = ended_process();
  session_folder::claim(path).publish(dead);
  EXPECT_TRUE(seen.remove_if_abandoned());
  EXPECT_FALSE(fs::exists(path));
  EXPECT_FALSE(seen.remove_if_abandoned());
}
