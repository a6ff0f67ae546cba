#include "daskify/os/child_process.hpp"

#include "daskify/error.hpp"
#include "daskify/os/control_groups.hpp"
#include "daskify/os/cpu_count.hpp"
#include "daskify/os/spawn.hpp"
#include "support/text_of.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" { // the header of glibc 2.36 does not say so itself
#include <sys/pidfd.h>
}

using namespace daskify;
using namespace daskify::internal;
namespace fs = std::filesystem;

using daskify::test::text_of;

namespace {

void wait_readable(int descriptor) {
  pollfd event{descriptor, POLLIN, 0};
  while (::poll(&event, 1, -1) < 0)
    ASSERT_EQ(errno, EINTR);
}

exit_status wait_for(child& process) {
  wait_readable(process.ended_descriptor());
  return process.reap().value();
}

std::ptrdiff_t open_descriptors() {
  return std::distance(fs::directory_iterator{"/proc/self/fd"}, fs::directory_iterator{});
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

class process_test : public testing::Test {
protected:
  void SetUp() override {
    auto name = testing::TempDir() + "process-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    log_ = folder_ / "log";
    descriptors_before_ = open_descriptors();
  }
  void TearDown() override {
    EXPECT_EQ(open_descriptors(), descriptors_before_);
    fs::remove_all(folder_);
  }

  spawn_request shell(const std::string& script) { return {"/bin/sh", {"sh", "-c", script}, {}, log_}; }

  exit_status run(const spawn_request& request) {
    auto process = spawn(request);
    return wait_for(process);
  }

  /// The pid on the log's only line, once it is complete.
  pid_t pid_in_log() { return static_cast<pid_t>(std::stol(text_of(log_))); }

  fs::path folder_;
  fs::path log_;
  std::ptrdiff_t descriptors_before_ = 0;
};

void expect_refused(const spawn_request& request, const std::string& reason) {
  try {
    spawn(request);
    FAIL() << "was started";
  } catch (const cluster_error& e) {
    EXPECT_EQ(e.code(), error_code::worker_failed);
    EXPECT_NE(std::string{e.what()}.find(request.program.string()), std::string::npos) << e.what();
    EXPECT_NE(std::string{e.what()}.find(reason), std::string::npos) << e.what();
  }
}

} // namespace

TEST_F(process_test, tells_how_a_child_ended) {
  EXPECT_EQ(run(shell("exit 0")), exit_status{exited{0}});
  EXPECT_EQ(run(shell("exit 255")), exit_status{exited{255}});
  EXPECT_EQ(run(shell("kill -KILL $$")), exit_status{signalled{SIGKILL}});
  EXPECT_EQ(run(shell("kill -USR1 $$")), exit_status{signalled{SIGUSR1}});
}

TEST_F(process_test, knows_whether_a_child_still_runs) {
  auto process = spawn(shell("cat <&3; exit 4"));
  EXPECT_EQ(process.reap(), std::nullopt);
  process.ask_to_end();
  auto status = wait_for(process);
  EXPECT_NE(status, exit_status{unknown_end{}});
  EXPECT_EQ(process.reap(), status);
}

TEST_F(process_test, gives_every_child_its_own_id_and_process_group) {
  auto one = spawn(shell("cat <&3"));
  auto other = spawn(shell("cat <&3"));
  EXPECT_NE(one.id(), other.id());
  EXPECT_EQ(::getpgid(one.pid()), one.pid());
  EXPECT_EQ(::getpgid(other.pid()), other.pid());
}

TEST_F(process_test, appends_output_and_errors_to_a_log_that_only_we_can_read) {
  run(shell("echo out; echo err >&2"));
  run(shell("echo more"));
  EXPECT_EQ(text_of(log_), "out\nerr\nmore\n");
  struct stat info {};
  ASSERT_EQ(::stat(log_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(process_test, gives_a_child_empty_input) {
  EXPECT_EQ(run(shell("cat; readlink /proc/$$/fd/0")), exit_status{exited{0}});
  EXPECT_EQ(text_of(log_), "/dev/null\n");
}

TEST_F(process_test, passes_arguments_without_interpreting_them) {
  run({"/bin/sh", {"sh", "-c", "printf '%s|' \"$@\"", "sh", "a b", "$(id)", "", "*"}, {}, log_});
  EXPECT_EQ(text_of(log_), "a b|$(id)||*|");
}

TEST_F(process_test, adds_to_the_environment_and_replaces_in_it) {
  ::setenv("DASKIFY_TEST_KEPT", "kept", 1);
  ::setenv("DASKIFY_TEST_REPLACED", "old", 1);
  auto request = shell("env | grep DASKIFY_TEST | sort");
  request.environment = {{"DASKIFY_TEST_REPLACED", "new"}, {"DASKIFY_TEST_ADDED", "a=b"}};
  run(request);
  ::unsetenv("DASKIFY_TEST_KEPT");
  ::unsetenv("DASKIFY_TEST_REPLACED");
  EXPECT_EQ(text_of(log_), "DASKIFY_TEST_ADDED=a=b\nDASKIFY_TEST_KEPT=kept\nDASKIFY_TEST_REPLACED=new\n");
}

TEST_F(process_test, lets_no_descriptor_of_the_program_leak_into_a_child) {
  int leaky = ::fcntl(STDERR_FILENO, F_DUPFD, 200); // without O_CLOEXEC, as a careless program has it
  ASSERT_GE(leaky, 200);
  run(shell("test -e /proc/$$/fd/3 && ! test -e /proc/$$/fd/" + std::to_string(leaky) + " && echo clean"));
  ::close(leaky);
  EXPECT_EQ(text_of(log_), "clean\n");
}

TEST_F(process_test, starts_children_with_default_signals_whatever_the_program_set) {
  signal_handling ignored{SIGTERM, SIG_IGN};
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  auto ignored_by_us = run(shell("kill -TERM $$; exit 1"));
  auto blocked_by_us = run(shell("kill -USR1 $$; exit 1"));
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(ignored_by_us, exit_status{signalled{SIGTERM}});
  EXPECT_EQ(blocked_by_us, exit_status{signalled{SIGUSR1}});
}

TEST_F(process_test, works_in_a_program_that_has_closed_its_standard_descriptors) {
  auto request = shell("echo out; echo err >&2; readlink /proc/$$/fd/0; test -p /proc/$$/fd/3 && echo lifeline");
  pid_t program = ::fork();
  if (program == 0) {
    for (int descriptor = 0; descriptor <= lifeline_descriptor; ++descriptor)
      ::close(descriptor);
    auto process = spawn(request);
    if (::write(STDOUT_FILENO, "x", 1) != -1) // the program's output must not run into the lifeline
      ::_exit(2);
    pollfd ended{process.ended_descriptor(), POLLIN, 0};
    ::poll(&ended, 1, -1);
    ::_exit(process.reap() == exit_status{exited{0}} ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(program, &status, 0), program);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(text_of(log_), "out\nerr\n/dev/null\nlifeline\n");
}

TEST_F(process_test, starts_the_program_again_although_its_file_was_deleted) {
  const auto copy = fs::path{::getenv("DASKIFY_TEST_COPY") ? ::getenv("DASKIFY_TEST_COPY") : ""};
  const auto* self = testing::UnitTest::GetInstance()->current_test_info();
  spawn_request request{"/proc/self/exe",
                        {"self", std::string{"--gtest_filter="} + self->test_suite_name() + "." + self->name()},
                        {{"GTEST_OUTPUT", ""}},
                        log_};
  if (copy.empty()) { // the test itself: runs a copy of this program
    request.program = folder_ / "copy";
    request.environment.emplace_back("DASKIFY_TEST_COPY", request.program);
    fs::copy_file("/proc/self/exe", request.program);
    EXPECT_EQ(run(request), exit_status{exited{0}});
    EXPECT_NE(text_of(log_).find("third generation"), std::string::npos) << text_of(log_);
  } else if (fs::exists(copy)) { // the copy: deletes its own file, then starts itself
    fs::remove(copy);
    request.log = copy.parent_path() / "log";
    EXPECT_EQ(run(request), exit_status{exited{0}});
  } else {
    std::cout << "third generation" << std::endl;
  }
}

TEST_F(process_test, says_why_a_program_cannot_be_started) {
  std::ofstream{folder_ / "text"} << "no program";
  expect_refused({folder_ / "missing", {"missing"}, {}, log_}, "check that the path is right");
  expect_refused({folder_ / "text", {"text"}, {}, log_}, "check that it may be executed");
  expect_refused({folder_, {"folder"}, {}, log_}, "check that it may be executed");
}

TEST_F(process_test, binds_a_child_to_cpus_before_its_program_begins) {
  auto before = affinity_cpus();
  auto request = shell("grep Cpus_allowed_list /proc/self/status");
  request.cpus = {before.back()};
  EXPECT_EQ(run(request), exit_status{exited{0}});
  EXPECT_EQ(text_of(log_), "Cpus_allowed_list:\t" + std::to_string(before.back()) + "\n");
  EXPECT_EQ(affinity_cpus(), before) << "the calling thread is where it was";
}

TEST_F(process_test, says_when_a_child_cannot_be_bound) {
  auto before = affinity_cpus();
  auto request = shell("true");
  request.cpus = {before.back() + 4096};
  expect_refused(request, "it cannot be bound to CPUs of its own (option pin)");
  EXPECT_EQ(affinity_cpus(), before);
}

TEST_F(process_test, says_when_the_log_cannot_be_opened) {
  auto request = shell("exit 0");
  request.log = folder_ / "missing" / "log";
  expect_refused(request, request.log.string());
  request.log = folder_ / "link";
  fs::create_symlink(log_, request.log); // could lead anywhere
  expect_refused(request, request.log.string());
  EXPECT_FALSE(fs::exists(log_));
}

TEST_F(process_test, cuts_the_lifeline_when_the_parent_is_killed) {
  auto request = shell("echo $$; cat <&3; echo end of file");
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  pid_t parent = ::fork();
  if (parent == 0) {
    auto process = spawn(request);
    pid_t pid = process.pid();
    (void)!::write(ready[1], &pid, sizeof pid);
    while (true)
      ::pause();
  }
  pid_t orphan = 0;
  ASSERT_EQ(::read(ready[0], &orphan, sizeof orphan), static_cast<ssize_t>(sizeof orphan));
  ::close(ready[0]);
  ::close(ready[1]);
  auto ended = open_ended_descriptor(orphan);
  ASSERT_TRUE(ended);
  ::kill(parent, SIGKILL);
  ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
  wait_readable(ended.get());
  EXPECT_EQ(text_of(log_), std::to_string(orphan) + "\nend of file\n");
}

TEST_F(process_test, keeps_the_lifelines_of_siblings_apart) {
  auto first = spawn(shell("cat <&3; exit 1"));
  auto second = std::optional{spawn(shell("trap '' TERM; cat <&3; exit 2"))};
  first.ask_to_end(); // the second, started later, must not hold the first one's lifeline open
  wait_for(first);
  EXPECT_EQ(second->reap(), std::nullopt);
}

TEST_F(process_test, kills_and_reaps_a_child_that_goes_out_of_scope) {
  pid_t pid = 0;
  {
    auto process = spawn(shell("trap '' TERM; cat <&3; while :; do sleep 1000; done"));
    pid = process.pid();
    auto moved = std::move(process);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(process_test, kills_what_a_dead_child_had_started) {
  auto process = spawn(shell("sleep 1000 & echo $!"));
  wait_readable(process.ended_descriptor());
  auto grandchild = open_ended_descriptor(pid_in_log());
  ASSERT_TRUE(grandchild);
  EXPECT_EQ(process.reap(), exit_status{exited{0}});
  wait_readable(grandchild.get());
}

TEST_F(process_test, copes_with_a_program_that_ignores_sigchld) {
  signal_handling ignored{SIGCHLD, SIG_IGN};
  auto process = spawn(shell("sleep 1000 & echo $!; cat <&3; exit 3"));
  process.ask_to_end();
  wait_readable(process.ended_descriptor());
  EXPECT_EQ(process.reap(), exit_status{unknown_end{}});
  for (int i = 0; i < 20; ++i) // some of these are gone before they can be looked at
    EXPECT_EQ(run(shell("exit 3")), exit_status{unknown_end{}});
}

TEST_F(process_test, kills_what_a_dead_child_had_started_even_when_sigchld_is_ignored) {
  signal_handling ignored{SIGCHLD, SIG_IGN};
  auto process = spawn(shell("sleep 1000 & echo $!"));
  wait_readable(process.ended_descriptor());
  auto grandchild = open_ended_descriptor(pid_in_log());
  ASSERT_TRUE(grandchild);
  EXPECT_EQ(process.reap(), exit_status{unknown_end{}});
  wait_readable(grandchild.get());
}

TEST_F(process_test, copes_with_a_program_that_waits_for_any_child) {
  auto process = spawn(shell("exit 3"));
  EXPECT_EQ(::waitpid(-1, nullptr, 0), process.pid());
  EXPECT_EQ(wait_for(process), exit_status{unknown_end{}});
}

TEST_F(process_test, leaves_the_child_alone_in_a_forked_copy_of_the_program) {
  auto process = std::optional{spawn(shell("cat <&3; sleep 1000"))};
  pid_t copy = ::fork();
  if (copy == 0) {
    process->kill_group();
    process->ask_to_end();
    process.reset();
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(copy, nullptr, 0), copy);
  EXPECT_EQ(process->reap(), std::nullopt);
}

TEST(explain, puts_an_end_into_words) {
  EXPECT_EQ(explain(exited{3}), "ended with exit code 3");
  EXPECT_EQ(explain(signalled{SIGSEGV}), "was killed by signal 11 (segmentation fault)");
  EXPECT_EQ(explain(signalled{SIGABRT, true}), "was killed by signal 6 (aborted) and left a core file");
  EXPECT_EQ(explain(signalled{SIGRTMAX}), "was killed by signal 64");
  EXPECT_EQ(explain(signalled{SIGKILL}), "was killed by signal 9 (killed)");
  EXPECT_EQ(explain(signalled{.number = SIGKILL, .out_of_memory = true}),
            "was killed by signal 9 (killed), most likely because its memory limit was reached");
  EXPECT_NE(explain(unknown_end{}).find("SIGCHLD"), std::string::npos);
}

TEST(oom_kills, are_read_from_the_files_of_both_cgroup_versions) {
  EXPECT_EQ(parse_oom_kills("low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n"), 2U);
  EXPECT_EQ(parse_oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 7"), 7U);
}

TEST(oom_kills, are_unknown_where_the_file_does_not_say) {
  for (auto text : {"", "\n\n", "oom 3\n", "oom_kill\n", "oom_kill x\n", "oom_kill -1\n", "oom_kill 1 2\n",
                    "oom_kill 99999999999999999999999\n", "not_oom_kill 4\n"})
    EXPECT_EQ(parse_oom_kills(text), std::nullopt) << text;
}
