#include "daskify/os/command.hpp"

#include "daskify/error.hpp"
#include "daskify/os/child_process.hpp"
#include "support/leftovers.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <poll.h>
#include <set>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace daskify;
using namespace daskify::internal;
using namespace std::chrono_literals;
using testing::HasSubstr;
namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds enough = 60s; // never reached

command_result run(const std::vector<std::string>& words, std::string_view input = "") {
  return run_command(words, input, enough).value();
}

command_result shell(const std::string& script, std::string_view input = "", std::chrono::milliseconds timeout = enough,
                     std::stop_token stop = {}) {
  return run_command({"sh", "-c", script}, input, timeout, std::move(stop)).value();
}

std::ptrdiff_t open_descriptors() {
  return std::distance(fs::directory_iterator{"/proc/self/fd"}, fs::directory_iterator{});
}

/// Waits for the end of a process that may be no child of this one.
void wait_for_end(pid_t pid) {
  auto ended = open_ended_descriptor(pid);
  pollfd event{ended.get(), POLLIN, 0};
  while (::poll(&event, 1, -1) < 0)
    ASSERT_EQ(errno, EINTR);
}

/// Puts a signal's handling back at the end of a test.
class signal_handling {
public:
  signal_handling(int number, void (*handler)(int)) : number_{number}, before_{::signal(number, handler)} {}
  signal_handling(const signal_handling&) = delete;
  signal_handling& operator=(const signal_handling&) = delete;
  ~signal_handling() { ::signal(number_, before_); }

private:
  int number_;
  void (*before_)(int);
};

/// A FIFO that a script writes a line into when it has come far enough.
class news {
public:
  news() { ::mkfifo(path_.c_str(), 0600); }

  std::string path() const { return path_; }
  std::string line() const {
    std::ifstream stream{path_};
    std::string text;
    std::getline(stream, text);
    return text;
  }

private:
  test::temporary_folder folder_;
  fs::path path_ = folder_.path() / "news";
};

class command_test : public testing::Test {
protected:
  void TearDown() override {
    EXPECT_EQ(open_descriptors(), descriptors_before_);
    EXPECT_EQ(test::children(), std::set<int>{}); // nor zombies
  }

  std::ptrdiff_t descriptors_before_ = open_descriptors();
};

} // namespace

TEST_F(command_test, gives_output_errors_and_status_of_a_program) {
  auto result = shell("echo out; echo err >&2; exit 3");
  EXPECT_EQ(result.status, exit_status{exited{3}});
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.errors, "err\n");
  EXPECT_FALSE(result.timed_out || result.stopped || result.cut);
}

TEST_F(command_test, tells_which_signal_ended_a_program) {
  EXPECT_EQ(shell("kill -USR1 $$").status, exit_status{signalled{SIGUSR1}});
}

TEST_F(command_test, passes_words_without_interpreting_them) {
  EXPECT_EQ(run({"printf", "%s|", "a b", "$(id)", "", "*", "-x"}).output, "a b|$(id)||*|-x|");
}

TEST_F(command_test, looks_for_a_program_in_PATH_only_if_it_has_no_slash) {
  EXPECT_EQ(run({"/bin/echo", "x"}).output, "x\n");
  EXPECT_EQ(run_command({"./echo", "x"}, "", enough), std::nullopt);
}

TEST_F(command_test, gives_nothing_when_there_is_no_such_program) {
  EXPECT_EQ(run_command({"no-such-program-anywhere"}, "", enough), std::nullopt);
  EXPECT_EQ(run_command({"/dev/null/no-folder"}, "input", enough), std::nullopt);
  EXPECT_EQ(run_command({""}, "", enough), std::nullopt);
  EXPECT_EQ(run_command({}, "", enough), std::nullopt);
}

TEST_F(command_test, says_why_a_program_cannot_be_started) {
  test::temporary_folder folder;
  auto file = folder.path() / "text";
  std::ofstream{file} << "no program";
  try {
    run({file});
    FAIL() << "was started";
  } catch (const cluster_error& e) {
    EXPECT_EQ(e.code(), error_code::command_failed);
    EXPECT_THAT(e.what(), HasSubstr(file.string()));
    EXPECT_THAT(e.what(), HasSubstr("Permission denied"));
  }
}

TEST_F(command_test, gives_a_program_its_input_and_then_end_of_file) {
  EXPECT_EQ(run({"cat"}, "one\ntwo").output, "one\ntwo");
  EXPECT_EQ(run({"cat"}).output, "");
  EXPECT_EQ(run({"cat"}, std::string("a\0b", 3)).output, std::string("a\0b", 3));
}

TEST_F(command_test, passes_more_input_and_output_than_a_pipe_holds) {
  std::string large(3'000'000, 'x');
  large += "end";
  auto result = shell("tee /dev/stderr", large);
  EXPECT_TRUE(result.output == large);
  EXPECT_TRUE(result.errors == large);
}

TEST_F(command_test, survives_a_program_that_does_not_read_its_input) {
  signal_handling by_default{SIGPIPE, SIG_DFL};
  std::string large(3'000'000, 'x');
  EXPECT_EQ(shell("exec <&-; echo done", large).output, "done\n");
  EXPECT_EQ(run({"true"}, large).status, exit_status{exited{0}});
}

TEST_F(command_test, keeps_the_beginning_of_output_that_is_too_long) {
  auto result = shell("echo begin; head -c 20000000 /dev/zero; echo end >&2");
  EXPECT_EQ(result.output.size(), most_output);
  EXPECT_TRUE(result.output.starts_with("begin\n"));
  EXPECT_EQ(result.errors, "end\n");
  EXPECT_TRUE(result.cut);
  EXPECT_EQ(result.status, exit_status{exited{0}});
}

TEST_F(command_test, passes_the_environment_on_or_another_one) {
  ::setenv("DASKIFY_TEST_KEPT", "kept", 1);
  EXPECT_EQ(shell("echo $DASKIFY_TEST_KEPT").output, "kept\n");
  ::unsetenv("DASKIFY_TEST_KEPT");
  EXPECT_EQ(run_command({"env"}, "", enough, {}, {"A=b c", "D="})->output, "A=b c\nD=\n");
}

TEST_F(command_test, kills_a_program_and_its_group_after_the_timeout) {
  auto result = shell("trap '' TERM; sleep 1000 & echo $!; echo so far >&2; while :; do wait; done", "", 300ms);
  EXPECT_TRUE(result.timed_out);
  EXPECT_FALSE(result.stopped);
  EXPECT_EQ(result.status, exit_status{signalled{SIGKILL}});
  EXPECT_EQ(result.errors, "so far\n");
  wait_for_end(std::stoi(result.output));
}

TEST_F(command_test, kills_a_program_that_writes_for_ever_after_the_timeout) {
  auto result = run_command({"yes"}, "", 100ms).value();
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.status, exit_status{signalled{SIGKILL}});
}

TEST_F(command_test, waits_for_a_program_that_has_closed_its_output) {
  news end;
  std::thread later{[&] { end.line(); }};
  EXPECT_EQ(shell("exec >&- 2>&-; echo x >" + end.path() + "; exit 5").status, exit_status{exited{5}});
  later.join();
}

TEST_F(command_test, can_take_a_timeout_of_any_length) {
  EXPECT_TRUE(run_command({"sleep", "1000"}, "", -1ms)->timed_out);
  EXPECT_TRUE(run_command({"sleep", "1000"}, "", std::chrono::milliseconds::min())->timed_out);
  EXPECT_EQ(run_command({"true"}, "", std::chrono::milliseconds::max())->status, exit_status{exited{0}});
}

TEST_F(command_test, kills_a_program_at_once_when_stop_is_requested) {
  news running;
  std::stop_source source;
  std::thread stops{[&] {
    running.line();
    source.request_stop();
  }};
  auto result = shell("echo x >" + running.path() + "; sleep 1000", "", enough, source.get_token());
  stops.join();
  EXPECT_TRUE(result.stopped);
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.status, exit_status{signalled{SIGKILL}});
}

TEST_F(command_test, does_not_start_a_program_after_stop_was_requested) {
  test::temporary_folder folder;
  std::stop_source source;
  source.request_stop();
  auto result = shell("touch " + (folder.path() / "started").string(), "", enough, source.get_token());
  EXPECT_TRUE(result.stopped);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST_F(command_test, does_not_wait_for_a_daemon_that_holds_the_output_open) {
  news pid;
  auto result = shell("setsid sh -c 'echo $$ >" + pid.path() + "; exec sleep 1000' & exec cat " + pid.path());
  EXPECT_EQ(result.status, exit_status{exited{0}});
  auto daemon = std::stoi(result.output);
  EXPECT_TRUE(test::is_alive(daemon));
  ::kill(daemon, SIGKILL);
}

TEST_F(command_test, does_not_wait_for_a_daemon_that_writes_for_ever) {
  news pid;
  auto result = shell("setsid sh -c 'echo $$ >" + pid.path() + "; exec yes' & exec cat " + pid.path() + " >&2");
  EXPECT_EQ(result.status, exit_status{exited{0}});
  auto daemon = std::stoi(result.errors);
  wait_for_end(daemon); // of SIGPIPE, as nobody reads any more
}

TEST_F(command_test, kills_what_a_program_leaves_running_in_its_group) {
  auto result = shell("sleep 1000 & echo $!");
  EXPECT_EQ(result.status, exit_status{exited{0}});
  wait_for_end(std::stoi(result.output));
}

TEST_F(command_test, runs_a_program_in_a_process_group_of_its_own) {
  auto result = shell("echo $$; cut -d' ' -f5 /proc/$$/stat");
  EXPECT_EQ(std::stoi(result.output), std::stoi(result.output.substr(result.output.find('\n'))));
}

TEST_F(command_test, lets_no_descriptor_of_the_program_leak) {
  int leaky = ::fcntl(STDERR_FILENO, F_DUPFD, 200); // without O_CLOEXEC, as a careless program has it
  ASSERT_GE(leaky, 200);
  auto result = shell("n=3; while [ $n -le 255 ]; do ! [ -e /proc/$$/fd/$n ] || echo $n; n=$((n + 1)); done", "x");
  ::close(leaky);
  EXPECT_EQ(result.output, "");
}

TEST_F(command_test, starts_programs_with_default_signals_whatever_the_program_set) {
  signal_handling ignored{SIGTERM, SIG_IGN};
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  auto ignored_by_us = shell("kill -TERM $$; exit 1");
  auto blocked_by_us = shell("kill -USR1 $$; exit 1");
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(ignored_by_us.status, exit_status{signalled{SIGTERM}});
  EXPECT_EQ(blocked_by_us.status, exit_status{signalled{SIGUSR1}});
}

TEST_F(command_test, gives_the_output_in_a_program_that_ignores_sigchld) {
  signal_handling ignored{SIGCHLD, SIG_IGN};
  for (int i = 0; i < 20; ++i) { // some of these are gone before they can be looked at
    auto result = shell("cat; exit 3", "text");
    EXPECT_EQ(result.status, exit_status{unknown_end{}});
    EXPECT_EQ(result.output, "text");
  }
  EXPECT_TRUE(run_command({"sleep", "1000"}, "", 10ms)->timed_out);
}

TEST_F(command_test, is_not_disturbed_by_signal_handlers) {
  signal_handling handled{SIGALRM, [](int) {}};
  itimerval often{{0, 1000}, {0, 1000}};
  itimerval never{};
  ::setitimer(ITIMER_REAL, &often, nullptr);
  std::string large(3'000'000, 'x');
  auto result = shell("cat; sleep 0.05; exit 7", large);
  ::setitimer(ITIMER_REAL, &never, nullptr);
  EXPECT_EQ(result.status, exit_status{exited{7}});
  EXPECT_TRUE(result.output == large);
}

TEST_F(command_test, works_in_a_program_that_has_closed_its_standard_descriptors) {
  pid_t program = ::fork();
  if (program == 0) {
    for (int descriptor = 0; descriptor <= 3; ++descriptor)
      ::close(descriptor);
    auto result = shell("cat; echo err >&2", "in");
    ::_exit(result.output == "in" && result.errors == "err\n" ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(program, &status, 0), program);
  EXPECT_EQ(status, 0);
}

TEST_F(command_test, says_so_when_no_descriptors_are_left) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer for undefined behaviour takes a descriptor to look at an object's type";
#endif
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  for (rlim_t extra = 0; extra < 16; ++extra) {
    rlimit few{static_cast<rlim_t>(descriptors_before_) + extra, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
    try {
      run_command({"cat"}, "text", enough);
    } catch (const cluster_error& e) {
      EXPECT_EQ(e.code(), error_code::command_failed) << e.what();
    }
  }
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_F(command_test, can_be_used_by_many_threads_at_once) {
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([t, &right] {
      for (int i = 0; i < 20; ++i) {
        auto text = std::to_string(t) + "/" + std::to_string(i);
        auto result = shell("cat; cat >&2 </dev/null; exit " + std::to_string(t), text);
        right += result.output == text && result.errors.empty() && result.status == exit_status{exited{t}};
      }
    });
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(right, 8 * 20);
}
