/// Start, end, and everything that happens to a cluster in between.

#include "daskify/os/child_process.hpp"

#include "support/cluster_of_two.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <thread>

namespace {

using namespace std::chrono_literals;
using namespace daskify::test;
using daskify::args;
using daskify::iterables;
using daskify::loops;
using daskify::range;
using testing::HasSubstr;

struct lifecycle : cluster_of_two {};

TEST_F(lifecycle, says_so_when_used_after_shutdown_and_can_start_again) {
  auto futures = cluster.map(square, range(3));
  cluster.shutdown_cluster();
  cluster.shutdown_cluster();
  EXPECT_THROW(cluster.submit(square, 1), daskify::cluster_error);
  EXPECT_THROW(futures[0].get(), daskify::cluster_error);
  cluster.start_cluster();
  EXPECT_THROW(cluster.start_cluster(), daskify::cluster_error);
  EXPECT_EQ(cluster.submit(square, 5).get(), 25);
}

TEST_F(lifecycle, wakes_a_waiting_thread_at_shutdown) {
  auto endless = cluster.submit([] {
    while (!daskify::this_task::stop_requested()) {
    }
  });
  std::atomic<bool> waiting{false};
  std::atomic<int> code{-1};
  std::thread waits{[&] {
    waiting = true;
    try {
      endless.get();
    } catch (const daskify::error& e) {
      code = static_cast<int>(e.code());
    }
  }};
  ASSERT_TRUE(eventually([&] { return waiting.load(); }));
  cluster.shutdown_cluster();
  waits.join();
  EXPECT_EQ(code, static_cast<int>(daskify::error_code::shut_down));
}

TEST_F(lifecycle, refuses_futures_and_data_of_another_cluster) {
  auto other = make({.size = 1});
  other.start_cluster();
  auto theirs = other.submit(square, 3);
  auto text = other.scatter_data(std::string{"theirs"});
  auto ours = cluster.submit(square, 5);
  EXPECT_THROW(cluster.submit(square, theirs), daskify::data_error);
  EXPECT_THROW(cluster.submit([](std::string_view s) { return s.size(); }, text), daskify::data_error);
  EXPECT_THROW(cluster.gather_data(std::vector{ours, theirs}), daskify::data_error);
  auto many = other.map(square, range(3));
  EXPECT_THROW(cluster.check_progress(many), daskify::data_error);
  EXPECT_THROW(cluster.monitor_progress(many), daskify::data_error);
  auto remembered = cluster.map(square, range(3));
  cluster.release(many); // a run of another cluster
  EXPECT_EQ(cluster.runs().size(), 1u);
  other.shutdown_cluster();
  other.start_cluster();
  EXPECT_THROW(other.submit(square, theirs), daskify::data_error) << "its session is over";
}

TEST_F(lifecycle, can_be_shut_down_by_another_thread) {
  std::thread{[&] { cluster.shutdown_cluster(); }}.join();
  EXPECT_THROW(cluster.workers(), daskify::cluster_error);
}

TEST_F(lifecycle, monitors_and_waits_for_no_tasks_at_all) {
  auto none = cluster.run(square, iterables(range(0)));
  EXPECT_EQ(cluster.monitor_progress().total, 0u);
  EXPECT_TRUE(daskify::wait(none));
  EXPECT_THROW(none.combination(0), std::out_of_range);
  auto three = cluster.map(square, range(3));
  EXPECT_TRUE(daskify::wait(three, 100)) << "no more than all can end";
  EXPECT_TRUE(three[0].wait_for(std::chrono::hours::max()));
  EXPECT_THROW(three[3], std::out_of_range);
}

TEST_F(lifecycle, says_what_is_wrong_with_empty_futures_keys_and_objects) {
  EXPECT_THROW(daskify::future<int>{}.get(), daskify::data_error);
  EXPECT_THROW(cluster.gather_data(std::vector<daskify::future<int>>(2)), daskify::data_error);
  EXPECT_THROW(cluster.submit(square, daskify::future<int>{}), daskify::data_error);
  EXPECT_THROW(cluster.scatter_data("", 5), daskify::data_error);
  auto moved = std::move(cluster);
  EXPECT_THROW(cluster.submit(square, 1), daskify::cluster_error);
  cluster.shutdown_cluster();
  cluster = std::move(moved);
  EXPECT_EQ(cluster.submit(square, 2).get(), 4);
}

TEST_F(lifecycle, is_not_touched_by_a_forked_copy_of_the_client) {
  auto child = ::fork();
  if (child == 0) {
    bool said = false;
    try {
      static_cast<void>(cluster.submit(square, 3));
    } catch (const daskify::cluster_error& e) {
      said = std::string_view{e.what()}.find("belongs to the process that started it") != std::string_view::npos;
    }
    cluster.shutdown_cluster();
    ::_exit(said ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(cluster.submit(square, 3).get(), 9);
}

TEST_F(lifecycle, has_the_workers_that_are_waited_for_at_once_when_they_are_there) {
  EXPECT_TRUE(cluster.wait_for_workers(2));
  EXPECT_TRUE(cluster.wait_for_workers(2, 0ms));
  EXPECT_TRUE(cluster.wait_for_workers(1, std::chrono::hours::max()));
  EXPECT_TRUE(cluster.wait_for_workers(0));
}

TEST_F(lifecycle, refuses_to_wait_for_workers_that_it_can_never_have) {
  try {
    cluster.wait_for_workers(3, 1h);
    FAIL();
  } catch (const daskify::cluster_error& e) {
    EXPECT_EQ(e.code(), daskify::error_code::no_workers);
    EXPECT_STREQ(e.what(),
                 "There cannot be 3 workers: the cluster can have at most 2; wait for fewer, or start it with "
                 "a larger size.");
  }
  EXPECT_THROW(cluster.wait_for_workers(-1), daskify::data_error);
}

/// A cluster of two workers, the second of which does not start before `let_it_start`.
struct cluster_with_a_late_worker : testing::Test {
  temporary_folder base;
  std::set<std::string> before = leftovers(base.path());
  std::filesystem::path word = base.path() / "word";

  /// `before_it_starts`: a shell command that the second worker runs then.
  daskify::daskified make(daskify::options with, const std::string& before_it_starts = "true") {
    auto program = base.path() / "program";
    std::ofstream{program} << "#!/bin/sh\nif [ \"$DASKIFY_WORKER_SLOT\" = 1 ]; then\n  until [ -e '" << word.string()
                           << "' ]; do sleep 0.05; done\n  " << before_it_starts << "\nfi\nexec '"
                           << std::filesystem::read_symlink("/proc/self/exe").string() << "' \"$@\"\n";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    with.size = 2;
    with.worker_program = program.string();
    with.session_directory = base.path().string();
    with.progress = with.progress.value_or(daskify::progress_style::off);
    return program_with(with);
  }

  void let_it_start() { std::ofstream{word}; }
};

TEST_F(cluster_with_a_late_worker, works_with_the_first_where_start_when_says_so_and_with_the_other_when_it_comes) {
  {
    auto cluster = make({.start_when = 1});
    cluster.start_cluster();
    EXPECT_EQ(cluster.submit(square, 5).get(), 25);
    EXPECT_FALSE(cluster.wait_for_workers(2, 1ms));
    EXPECT_EQ(cluster.workers().size(), 1u);
    let_it_start();
    EXPECT_TRUE(cluster.wait_for_workers(2));
    EXPECT_EQ(cluster.workers().size(), 2u);
  }
  EXPECT_EQ(leftovers(base.path()), before);
}

TEST_F(cluster_with_a_late_worker, says_that_it_will_not_come_when_it_cannot_be_started) {
  auto cluster = make({.progress = daskify::progress_style::lines, .start_when = 1}, "echo no luck; exit 1");
  cluster.start_cluster();
  testing::internal::CaptureStderr();
  let_it_start();
  try {
    cluster.wait_for_workers(2);
    ADD_FAILURE();
  } catch (const daskify::cluster_error& e) {
    EXPECT_EQ(e.code(), daskify::error_code::no_workers);
    EXPECT_THAT(e.what(), testing::AllOf(HasSubstr("the cluster can have at most 1. worker-1 "),
                                         HasSubstr("ended with exit code 1"), HasSubstr("no luck")));
  }
  EXPECT_EQ(cluster.submit(square, 5).get(), 25) << "the other one works";
  cluster.shutdown_cluster();
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::AllOf(HasSubstr("daskify: worker-1 is not started any more. "), HasSubstr("no luck")));
}

TEST_F(cluster_with_a_late_worker, waits_for_no_worker_where_start_when_is_0) {
  auto cluster = make({.start_when = 0});
  cluster.start_cluster();
  EXPECT_EQ(cluster.submit(square, 5).get(), 25) << "tasks wait for workers";
}

TEST_F(cluster_with_a_late_worker, goes_on_without_it_after_start_timeout_where_that_is_accepted) {
  auto cluster = make({.start_timeout = 3s, .accept_fewer = true});
  cluster.start_cluster();
  EXPECT_EQ(cluster.submit(square, 5).get(), 25);
  EXPECT_EQ(cluster.workers().size(), 1u);
}

TEST_F(cluster_with_a_late_worker, is_no_cluster_after_start_timeout_otherwise) {
  auto cluster = make({.start_timeout = 3s});
  try {
    cluster.start_cluster();
    FAIL();
  } catch (const daskify::cluster_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("Only 1 of 2 workers had enrolled when start_timeout was over"));
  }
}

TEST_F(cluster_with_a_late_worker, wakes_who_waits_for_it_at_shutdown) {
  auto cluster = make({.start_when = 1});
  cluster.start_cluster();
  std::atomic<int> code{-1};
  std::thread waits{[&] {
    try {
      cluster.wait_for_workers(2);
    } catch (const daskify::cluster_error& e) {
      code = static_cast<int>(e.code());
    }
  }};
  cluster.shutdown_cluster(); // before or during the wait; the outcome is the same
  waits.join();
  EXPECT_EQ(code, static_cast<int>(daskify::error_code::shut_down));
}

TEST(cluster, refuses_to_wait_for_more_workers_at_its_start_than_it_has) {
  auto cluster = program_with({.size = 2, .start_when = 3});
  try {
    cluster.start_cluster();
    FAIL();
  } catch (const daskify::config_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("start_when 3 (code) is more than the 2 workers that the cluster can have"));
  }
}

TEST(cluster, refuses_to_be_used_before_start) {
  auto cluster = program_with({});
  try {
    static_cast<void>(cluster.submit(square, 1));
    FAIL();
  } catch (const daskify::cluster_error& e) {
    EXPECT_EQ(e.code(), daskify::error_code::not_started);
    EXPECT_THAT(e.what(), HasSubstr("start_cluster"));
  }
}

/// Starts a cluster whose workers are another program; returns the error's sentence.
std::string start_with(const std::string& worker_program) {
  temporary_folder base;
  auto cluster = program_with({.size = 2, .worker_program = worker_program, .session_directory = base.path().string()});
  try {
    cluster.start_cluster();
  } catch (const daskify::cluster_error& e) {
    EXPECT_TRUE(leftovers(base.path()) == leftovers("/nowhere"));
    return e.what();
  }
  return "it started";
}

TEST(cluster, says_why_a_worker_cannot_come_up) {
  EXPECT_THAT(start_with("/no/such/program"), HasSubstr("/no/such/program"));
  EXPECT_THAT(start_with("/bin/false"), HasSubstr("exit code 1"));
}

TEST(cluster, turns_away_workers_of_another_build) {
  EXPECT_THAT(start_with(DASKIFY_BIN_DIR "/daskify-bench"), HasSubstr("another build"));
}

/// Runs `body` in a client process of its own, this program started anew; see client_process below.
pid_t start_client(const std::string& base, const std::string& ready) {
  pid_t pid = ::fork();
  if (pid == 0) {
    ::setenv("TEST_CLIENT_BASE", base.c_str(), 1);
    ::setenv("TEST_CLIENT_READY", ready.c_str(), 1);
    ::execl("/proc/self/exe", "client", "--gtest_also_run_disabled_tests",
            "--gtest_filter=client_process.DISABLED_keeps_its_workers_busy", nullptr);
    ::_exit(127);
  }
  return pid;
}

TEST(client_process, DISABLED_keeps_its_workers_busy) {
  const char* base = std::getenv("TEST_CLIENT_BASE");
  const char* ready = std::getenv("TEST_CLIENT_READY");
  if (!base || !ready)
    GTEST_SKIP() << "is started by other tests";
  auto cluster = program_with({.size = 2, .session_directory = base}, "client");
  cluster.start_cluster();
  auto scattered = cluster.scatter_data("big", std::vector<double>(1 << 20));
  auto endless = cluster.map(
      [](int) {
        for (;;) {
        }
        return 0;
      },
      range(2));
  ASSERT_TRUE(eventually([&] { return cluster.check_progress(endless, std::clog).running == 2; }));
  std::ofstream out{std::string{ready} + ".tmp"};
  for (const auto& w : cluster.workers())
    out << w.pid << ' ';
  out.close();
  std::filesystem::rename(std::string{ready} + ".tmp", ready);
  cluster.gather_data(endless);
}

class client_that_dies : public testing::TestWithParam<int> {};

TEST_P(client_that_dies, leaves_nothing_behind) {
  temporary_folder base;
  temporary_folder messages;
  auto before = leftovers(base.path());
  auto ready = messages.path() / "ready";
  auto client = start_client(base.path(), ready);
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(ready); }));
  std::vector<int> workers;
  std::ifstream in{ready};
  for (int pid = 0; in >> pid;)
    workers.push_back(pid);
  ASSERT_EQ(workers.size(), 2u);
  ASSERT_FALSE(entries(base.path(), "daskify-").empty());
  ::kill(client, GetParam());
  int status = 0;
  ASSERT_EQ(::waitpid(client, &status, 0), client);
  EXPECT_TRUE(WIFSIGNALED(status));
  for (auto pid : workers)
    EXPECT_TRUE(eventually([&] { return !is_alive(pid); }, 5s)) << pid;
  EXPECT_TRUE(eventually([&] { return leftovers(base.path()) == before; }, 5s))
      << testing::PrintToString(leftovers(base.path()));
}

TEST(lifecycle_of_a_stopped_client, keeps_its_workers) {
  temporary_folder messages;
  auto ready = (messages.path() / "ready").string();
  auto done = (messages.path() / "done").string();
  pid_t client = ::fork();
  if (client == 0) {
    ::setenv("TEST_CLIENT_READY", ready.c_str(), 1);
    ::setenv("TEST_CLIENT_DONE", done.c_str(), 1);
    ::execl("/proc/self/exe", "client", "--gtest_also_run_disabled_tests", "--gtest_brief=1",
            "--gtest_filter=client_process.DISABLED_compares_its_workers", nullptr);
    ::_exit(127);
  }
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(ready); }));
  ::kill(client, SIGSTOP);
  std::this_thread::sleep_for(1s); // the time itself is tested: it is longer than the heartbeat_timeout
  ::kill(client, SIGCONT);
  std::ofstream{done};
  int status = 0;
  ASSERT_EQ(::waitpid(client, &status, 0), client);
  EXPECT_EQ(status, 0) << "its workers were taken for dead";
}

TEST(client_process, DISABLED_compares_its_workers) {
  const char* ready = std::getenv("TEST_CLIENT_READY");
  const char* done = std::getenv("TEST_CLIENT_DONE");
  if (!ready || !done)
    GTEST_SKIP() << "is started by other tests";
  auto cluster = program_with({.size = 2, .heartbeat_interval = 100ms, .heartbeat_timeout = 400ms}, "client");
  cluster.start_cluster();
  auto ids = [&] {
    std::vector<std::uint64_t> all;
    for (const auto& w : cluster.workers())
      all.push_back(w.id);
    return all;
  };
  auto before = ids();
  std::ofstream{ready};
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(done); }));
  // All messages sent meanwhile have been read when these answers arrive.
  EXPECT_EQ(cluster.submit(square, 3).get(), 9);
  EXPECT_EQ(ids(), before);
}

INSTANTIATE_TEST_SUITE_P(by_signal, client_that_dies, testing::Values(SIGKILL, SIGTERM, SIGINT),
                         [](const auto& tested) { return "signal_" + std::to_string(tested.param); });

} // namespace
