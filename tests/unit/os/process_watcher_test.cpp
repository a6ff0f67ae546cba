#include "daskify/os/child_process.hpp"
#include "daskify/os/process_watcher.hpp"
#include "daskify/os/spawn.hpp"

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace daskify::internal;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// Longer than any test: what ends within it was not killed.
constexpr auto patience = 1h;

/// Keeps what a watcher tells, and lets a test wait for it.
class ends_told {
public:
  process_watcher::end_callback callback() {
    return [this](child_id id, const exit_status& status) {
      std::lock_guard guard{mutex_};
      ends_.emplace(id, status);
      told_.notify_all();
    };
  }

  exit_status wait_for(child_id id) {
    std::unique_lock guard{mutex_};
    told_.wait(guard, [&] { return ends_.count(id) != 0; });
    return ends_.find(id)->second;
  }

  std::size_t times_told() const {
    std::lock_guard guard{mutex_};
    return ends_.size();
  }

private:
  mutable std::mutex mutex_;
  std::condition_variable told_;
  std::multimap<child_id, exit_status> ends_;
};

bool has_ended(pid_t pid) {
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

class process_watcher_test : public testing::Test {
protected:
  void SetUp() override {
    auto name = testing::TempDir() + "watcher-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    ASSERT_EQ(::mkfifo((folder_ / "from_child").c_str(), 0600), 0);
    ASSERT_EQ(::mkfifo((folder_ / "to_child").c_str(), 0600), 0);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// In scripts, $FROM and $TO are two named pipes.
  child shell(const std::string& script) {
    return spawn({"/bin/sh",
                  {"sh", "-c", script},
                  {{"FROM", folder_ / "from_child"}, {"TO", folder_ / "to_child"}},
                  folder_ / "log"});
  }

  /// Waits for a line that a child writes to $FROM.
  std::string line_from_child() {
    std::string line;
    std::getline(std::ifstream{folder_ / "from_child"}, line);
    return line;
  }

  child_id watch(process_watcher& watcher, child process) {
    auto id = process.id();
    watcher.watch(std::move(process));
    return id;
  }

  /// A child that nothing but SIGKILL ends, with one that it started itself and writes the pid of to $FROM.
  child stubborn() { return shell("trap '' TERM; sleep 1000 & echo $! > $FROM; while :; do sleep 1000; done"); }

  fs::path folder_;
};

} // namespace

TEST_F(process_watcher_test, tells_each_end_once_and_to_the_right_name) {
  ends_told told;
  process_watcher watcher{told.callback()};
  std::map<child_id, int> codes;
  for (int code = 0; code < 30; ++code)
    codes.emplace(watch(watcher, shell("exit " + std::to_string(code))), code);
  auto killed = watch(watcher, shell("kill -USR1 $$"));
  for (auto [id, code] : codes)
    EXPECT_EQ(told.wait_for(id), exit_status{exited{code}});
  EXPECT_EQ(told.wait_for(killed), exit_status{signalled{SIGUSR1}});
  watcher.end_all(patience);
  EXPECT_EQ(told.times_told(), codes.size() + 1);
}

TEST_F(process_watcher_test, takes_a_child_that_has_already_ended) {
  ends_told told;
  process_watcher watcher{told.callback()};
  auto process = shell("exit 3");
  pollfd ended{process.ended_descriptor(), POLLIN, 0};
  ASSERT_EQ(::poll(&ended, 1, -1), 1);
  EXPECT_EQ(told.wait_for(watch(watcher, std::move(process))), exit_status{exited{3}});
}

TEST_F(process_watcher_test, leaves_other_children_of_the_program_alone) {
  ends_told told;
  process_watcher watcher{told.callback()};
  pid_t of_the_user = ::fork();
  if (of_the_user == 0)
    ::_exit(7);
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(of_the_user), &ended, WEXITED | WNOWAIT), 0);
  told.wait_for(watch(watcher, shell("exit 0")));
  watcher.end_all(0ms);
  int status = 0;
  ASSERT_EQ(::waitpid(of_the_user, &status, 0), of_the_user);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST_F(process_watcher_test, tells_an_end_also_when_the_program_ignores_sigchld) {
  auto before = ::signal(SIGCHLD, SIG_IGN);
  ends_told told;
  {
    process_watcher watcher{told.callback()};
    for (int i = 0; i < 10; ++i)
      EXPECT_EQ(told.wait_for(watch(watcher, shell("exit 3"))), exit_status{unknown_end{}});
    watch(watcher, stubborn());
    line_from_child();
  }
  ::signal(SIGCHLD, before);
  EXPECT_EQ(told.times_told(), 11U);
}

TEST_F(process_watcher_test, ends_a_child_by_its_lifeline) {
  ends_told told;
  process_watcher watcher{told.callback()};
  auto id = watch(watcher, shell("trap '' TERM; echo ready > $FROM; cat <&3; exit 6"));
  line_from_child();
  watcher.end(id, patience);
  EXPECT_EQ(told.wait_for(id), exit_status{exited{6}});
}

TEST_F(process_watcher_test, ends_a_child_by_sigterm) {
  ends_told told;
  process_watcher watcher{told.callback()};
  auto id = watch(watcher, shell("trap 'exit 5' TERM; sleep 1000 & echo ready > $FROM; wait"));
  line_from_child();
  watcher.end(id, patience);
  EXPECT_EQ(told.wait_for(id), exit_status{exited{5}});
}

TEST_F(process_watcher_test, kills_the_whole_group_of_a_child_that_does_not_end_in_time) {
  ends_told told;
  process_watcher watcher{told.callback()};
  auto id = watch(watcher, stubborn());
  auto grandchild = open_ended_descriptor(static_cast<pid_t>(std::stol(line_from_child())));
  watcher.end(id, patience);
  watcher.end(id, 1ms); // the shorter grace counts
  watcher.end(id, patience);
  EXPECT_EQ(told.wait_for(id), exit_status{signalled{SIGKILL}});
  pollfd ended{grandchild.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, -1), 1);
}

TEST_F(process_watcher_test, kills_what_a_crashed_child_has_left_running) {
  ends_told told;
  process_watcher watcher{told.callback()};
  auto process = shell("sleep 1000 & echo $! > $FROM; cat $TO; kill -USR1 $$");
  auto id = watch(watcher, std::move(process));
  auto grandchild = open_ended_descriptor(static_cast<pid_t>(std::stol(line_from_child())));
  std::ofstream{folder_ / "to_child"} << "crash\n";
  EXPECT_EQ(told.wait_for(id), exit_status{signalled{SIGUSR1}});
  pollfd ended{grandchild.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, -1), 1);
}

TEST_F(process_watcher_test, ends_only_the_child_that_it_was_told_to) {
  ends_told told;
  process_watcher watcher{told.callback()};
  auto one = watch(watcher, shell("cat <&3"));
  auto other = watch(watcher, shell("cat $TO; exit 9"));
  watcher.end(one, 0ms);
  told.wait_for(one);
  watcher.end(one, 0ms); // no longer watched
  std::ofstream{folder_ / "to_child"} << "end\n";
  EXPECT_EQ(told.wait_for(other), exit_status{exited{9}});
}

TEST_F(process_watcher_test, returns_from_end_all_when_every_callback_has_returned) {
  ends_told told;
  process_watcher watcher{told.callback()};
  std::vector<pid_t> pids;
  for (int i = 0; i < 4; ++i) {
    auto polite = shell("cat <&3");
    auto stubborn = shell("trap '' TERM; while :; do sleep 1000; done");
    pids.insert(pids.end(), {polite.pid(), stubborn.pid()});
    watcher.watch(std::move(polite));
    watcher.watch(std::move(stubborn));
  }
  EXPECT_EQ(watcher.watched(), 8U);
  watcher.end_all(1ms);
  EXPECT_EQ(watcher.watched(), 0U);
  EXPECT_EQ(told.times_told(), 8U);
  for (auto pid : pids)
    EXPECT_TRUE(has_ended(pid));
  watcher.end_all(patience);
}

TEST_F(process_watcher_test, ends_with_the_rest_a_child_that_comes_while_all_are_ended) {
  ends_told told;
  process_watcher* self = nullptr;
  std::optional<child_id> late;
  process_watcher watcher{[&](child_id id, const exit_status& status) {
    if (!late)
      late = watch(*self, shell("cat <&3"));
    told.callback()(id, status);
  }};
  self = &watcher;
  watch(watcher, shell("cat <&3"));
  watcher.end_all(patience);
  EXPECT_EQ(told.times_told(), 2U);
}

TEST_F(process_watcher_test, starts_anew_after_all_were_ended) {
  ends_told told;
  process_watcher watcher{told.callback()};
  watch(watcher, shell("cat <&3"));
  watcher.end_all(0ms);
  auto id = watch(watcher, shell("echo ready > $FROM; cat $TO; exit 9"));
  line_from_child();
  std::ofstream{folder_ / "to_child"} << "end\n";
  EXPECT_EQ(told.wait_for(id), exit_status{exited{9}});
}

TEST_F(process_watcher_test, can_be_told_from_the_callback_to_end_all) {
  ends_told told;
  process_watcher* self = nullptr;
  process_watcher watcher{[&](child_id id, const exit_status& status) {
    self->end_all(0ms);
    told.callback()(id, status);
  }};
  self = &watcher;
  auto other = watch(watcher, shell("trap '' TERM; while :; do sleep 1000; done"));
  watch(watcher, shell("exit 0"));
  EXPECT_NE(told.wait_for(other), exit_status{exited{0}});
}

TEST_F(process_watcher_test, kills_and_tells_what_is_left_when_destroyed) {
  ends_told told;
  pid_t pid = 0;
  {
    process_watcher watcher{told.callback()};
    auto process = stubborn();
    pid = process.pid();
    watcher.watch(std::move(process));
    line_from_child();
  }
  EXPECT_TRUE(has_ended(pid));
  EXPECT_EQ(told.times_told(), 1U);
}

TEST_F(process_watcher_test, keeps_watching_when_moved) {
  ends_told told;
  process_watcher first{told.callback()};
  auto id = watch(first, shell("cat $TO; exit 9"));
  process_watcher second{std::move(first)};
  std::ofstream{folder_ / "to_child"} << "end\n";
  EXPECT_EQ(told.wait_for(id), exit_status{exited{9}});

  auto replaced = watch(second, shell("cat $TO; exit 9"));
  second = process_watcher{told.callback()};
  EXPECT_NE(told.wait_for(replaced), exit_status{exited{9}});
  EXPECT_EQ(second.watched(), 0U);
}

TEST_F(process_watcher_test, does_nothing_in_a_forked_copy_of_the_program) {
  ends_told told;
  std::optional<process_watcher> watcher{told.callback()};
  auto id = watch(*watcher, shell("cat $TO; exit 9"));
  pid_t copy = ::fork();
  if (copy == 0) {
    watcher->end_all(0ms);
    watcher.reset();
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(copy, &status, 0), copy);
  EXPECT_EQ(status, 0);
  std::ofstream{folder_ / "to_child"} << "end\n";
  EXPECT_EQ(told.wait_for(id), exit_status{exited{9}});
}

TEST_F(process_watcher_test, takes_no_signal_from_the_program) {
  process_watcher watcher{nullptr};
  std::optional<std::uint64_t> blocked;
  for (const auto& thread : fs::directory_iterator{"/proc/self/task"}) {
    std::ifstream status{thread.path() / "status"};
    std::string text{std::istreambuf_iterator<char>{status}, {}};
    constexpr std::string_view key = "SigBlk:";
    if (text.starts_with("Name:\tdaskify-reaper\n"))
      blocked = std::stoull(text.substr(text.find(key) + key.size()), nullptr, 16);
  }
  ASSERT_TRUE(blocked);
  for (int signal = 1; signal < 32; ++signal) {
    bool blockable = signal != SIGKILL && signal != SIGSTOP;
    EXPECT_EQ((*blocked >> (signal - 1) & 1) != 0, blockable) << signal;
  }
}
