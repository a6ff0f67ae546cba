/// Standing clusters: a scheduler and workers started by themselves, and programs that attach and leave.

#include "libraries/test_model.hpp"
#include "support/channel.hpp"
#include "support/cluster_of_two.hpp"
#include "support/environment_variable.hpp"
#include "support/run_program.hpp"
#include "support/standing_cluster.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <numeric>
#include <set>
#include <sys/stat.h>
#include <thread>

namespace {

using namespace std::chrono_literals;
using namespace daskify::test;
using daskify::error_code;
using daskify::range;
using testing::AllOf;
using testing::HasSubstr;

int until_stopped(int) {
  while (!daskify::this_task::stop_requested())
    std::this_thread::sleep_for(1ms);
  return 0;
}

int slow_square(int x) {
  std::this_thread::sleep_for(5ms);
  return x * x;
}

/// Whether this is a daskify-worker that blocks the signal, which `termination` then handles. (A fork blocks all
/// signals for a moment.)
bool blocks(pid_t process, int signal) {
  auto status = text_of("/proc/" + std::to_string(process) + "/status");
  auto mask = status.find("SigBlk:\t");
  return status.starts_with("Name:\tdaskify-worker\n") && mask != status.npos &&
         (std::stoull(status.substr(mask + 8), nullptr, 16) >> (signal - 1) & 1);
}

/// Whether a process of this machine has a connection to the port of this address.
bool is_connected_to(const std::string& address) {
  auto port = std::stoi(address.substr(address.find(':') + 1));
  std::array<char, 32> remote;
  std::snprintf(remote.data(), remote.size(), " 0100007F:%04X 01 ", static_cast<unsigned>(port));
  return text_of("/proc/net/tcp").find(remote.data()) != std::string::npos;
}

// -- normal use ---------------------------------------------------------------------------------------------

TEST_F(standing_cluster, serves_two_programs_at_once_which_know_nothing_of_it) {
  start_scheduler();
  auto workers = start_workers(2, {"--program", DASKIFY_BIN_DIR "/co2_sweep"});
  auto arguments = "--mode connect --daskify.connection_directory '" + folder.string() + "'";
  auto other = std::async(std::launch::async, [&] { return run_program("co2_sweep", arguments); });
  auto one = run_program("co2_sweep", arguments);
  auto two = other.get();
  EXPECT_EQ(one.exit_code, 0) << one.output;
  EXPECT_EQ(two.exit_code, 0) << two.output;
  EXPECT_THAT(one.output, HasSubstr("sweep 3: 234256 combinations"));
}

TEST_F(standing_cluster, keeps_the_runs_and_keys_of_its_clients_apart) {
  start_scheduler();
  auto workers = start_workers(2);
  auto one = client();
  auto two = client();
  one.start_cluster();
  two.start_cluster();
  one.scatter_data("key", std::string{"one"});
  two.scatter_data("key", std::string{"two"});
  EXPECT_EQ(one.gather_data<std::string>("key"), "one");
  EXPECT_EQ(two.gather_data<std::string>("key"), "two");
  auto of_one = one.map(square, range(1000));
  auto of_two = two.map(square, range(500));
  EXPECT_EQ(one.monitor_progress().finished, 1000u);
  EXPECT_EQ(two.monitor_progress().finished, 500u);
  EXPECT_EQ(one.runs().size(), 1u);
  EXPECT_EQ(one.gather_data(of_one)[999], 998001);
  EXPECT_EQ(two.check_progress(of_two, unread).finished, 500u);
  one.shutdown_cluster();
  EXPECT_EQ(two.gather_data(of_two)[499], 249001) << "the other one only detached";
  EXPECT_EQ(two.workers().size(), 2u);
  EXPECT_EQ(two.gather_data<std::string>("key"), "two");
}

TEST_F(standing_cluster, does_for_an_attached_program_what_it_does_for_any) {
  start_scheduler();
  auto workers = start_workers(2);
  auto cluster = client();
  cluster.start_cluster();
  std::vector<double> large(500'000, 2.0); // goes through the stores both ways
  auto data = cluster.scatter_data(large);
  auto sum = cluster.submit([](std::span<const double> x) { return x.size() + x[499'999]; }, data);
  EXPECT_EQ(sum.get(), 500'002.0);
  auto back = cluster.submit([](int n) { return std::vector<double>(static_cast<std::size_t>(n), 3.0); }, 400'000);
  EXPECT_EQ(back.get().size(), 400'000u);
  auto chained = cluster.submit(square, cluster.submit(square, 3));
  EXPECT_EQ(chained.get(), 81);
  auto nested = cluster.map(
      [](int n) {
        auto inner = daskify::this_task::map(square, range(n));
        int total = 0;
        for (int x : daskify::this_task::gather_data(inner))
          total += x;
        return total;
      },
      range(4));
  EXPECT_EQ(cluster.gather_data(nested), (std::vector{0, 0, 1, 5}));
  EXPECT_EQ(cluster.gather_data(cluster.map(odd_only, range(4)), daskify::on_error::skip), (std::vector{1, 3}));
  auto endless = cluster.map(until_stopped, range(10));
  endless.cancel();
  EXPECT_EQ(cluster.monitor_progress().cancelled, 10u);
  EXPECT_EQ(cluster.nodes().size(), 3u) << "the scheduler's, the workers' and the client's";
}

TEST_F(standing_cluster, takes_work_before_there_are_workers) {
  start_scheduler();
  auto cluster = client();
  cluster.start_cluster();
  auto futures = cluster.map(square, range(10));
  EXPECT_EQ(cluster.check_progress(futures, unread).pending, 10u);
  auto workers = start_workers(1);
  EXPECT_EQ(cluster.gather_data(futures)[9], 81);
}

TEST_F(standing_cluster, has_any_number_of_workers_waited_for_until_they_have_joined) {
  start_scheduler();
  auto program = client();
  program.start_cluster();
  EXPECT_FALSE(program.wait_for_workers(1'000'000, 1ms)) << "who knows how many may come";
  std::unique_ptr<child_program> workers;
  std::thread joins{[&] { workers = start_workers(2); }};
  EXPECT_TRUE(program.wait_for_workers(2));
  EXPECT_EQ(program.workers().size(), 2u);
  joins.join();
  auto other = client();
  other.start_cluster();
  EXPECT_TRUE(other.wait_for_workers(2, 0ms)) << "they are there for every client";
}

TEST_F(standing_cluster, is_joined_when_as_many_workers_are_there_as_start_when_says) {
  start_scheduler();
  std::unique_ptr<child_program> workers;
  std::thread joins{[&] { workers = start_workers(2); }};
  auto program = client({.start_when = 2});
  program.start_cluster();
  EXPECT_EQ(program.workers().size(), 2u);
  joins.join();
}

TEST_F(standing_cluster, says_how_many_workers_there_are_when_start_when_asks_for_more) {
  start_scheduler();
  auto workers = start_workers(1);
  auto late = client({.start_timeout = 2s, .start_when = 2});
  auto [code, sentence] = refusal([&] { late.start_cluster(); });
  EXPECT_EQ(code, daskify::error_code::start_timeout);
  EXPECT_THAT(sentence,
              HasSubstr("had 1 of the 2 workers that start_when (code) asks for when start_timeout was over"));
  auto content = client({.start_timeout = 2s, .accept_fewer = true, .start_when = 2});
  content.start_cluster();
  EXPECT_EQ(content.workers().size(), 1u);
}

TEST_F(standing_cluster, keeps_nobody_waiting_for_workers_when_its_scheduler_is_killed) {
  start_scheduler();
  auto program = client();
  program.start_cluster();
  EXPECT_FALSE(program.wait_for_workers(1, 1ms));
  std::thread kills{[&] { scheduler->signal(SIGKILL); }};
  EXPECT_EQ(refusal([&] { program.wait_for_workers(1); }).first, daskify::error_code::scheduler_gone);
  kills.join();
}

TEST_F(standing_cluster, runs_functions_of_a_library_that_the_workers_have_loaded) {
  start_scheduler();
  auto workers = start_workers(1, {"--load", DASKIFY_TEST_MODEL});
  auto cluster = client();
  cluster.start_cluster();
  EXPECT_EQ(cluster.gather_data(sweep_of_model(cluster, 11))[10], 5.0);
  auto [code, sentence] = refusal([&] { cluster.submit(square, 3).get(); });
  EXPECT_EQ(code, error_code::function_not_found);
  EXPECT_THAT(sentence, AllOf(HasSubstr("'" + std::filesystem::path{this_program}.filename().string() + "'"),
                              HasSubstr("--program")));
}

TEST_F(standing_cluster, can_be_joined_by_address_and_secret_alone) {
  start_scheduler();
  environment_variable secret{"DASKIFY_SECRET", line_of_connection("secret")};
  auto elsewhere = (base.path() / "not there").string();
  child_program workers{"daskify-worker",
                        {"--scheduler", address(), "--program", this_program, "--daskify.size", "1",
                         "--daskify.connection_directory", elsewhere}};
  ASSERT_TRUE(workers.says("has joined")) << workers.output();
  auto cluster = client({.connection_directory = elsewhere, .scheduler = address()});
  cluster.start_cluster();
  EXPECT_EQ(cluster.submit(square, 7).get(), 49);
  cluster.shutdown_cluster();
  scheduler->signal(SIGTERM);
  EXPECT_EQ(workers.wait(), 0) << workers.output();
}

TEST_F(standing_cluster, listens_at_the_networks_of_the_machine_when_it_is_asked_to) {
  start_scheduler({"--daskify.interface", "all"});
  auto workers = start_workers(1);
  auto cluster = client();
  cluster.start_cluster();
  auto data = cluster.scatter_data(std::vector<double>(500'000, 2.0));
  auto twice = cluster.submit([](std::span<const double> x) { return std::vector<double>(x.size(), 2 * x[0]); }, data);
  EXPECT_EQ(twice.get().at(499'999), 4.0) << "from store to store, and back";
}

// -- ends -----------------------------------------------------------------------------------------------------

TEST_F(standing_cluster, tells_its_workers_when_it_is_ended_and_leaves_nothing) {
  start_scheduler();
  auto workers = start_workers(2);
  auto cluster = client();
  cluster.start_cluster();
  auto endless = cluster.map(until_stopped, range(2));
  scheduler->signal(SIGTERM);
  EXPECT_EQ(refusal([&] { cluster.gather_data(endless); }).first, error_code::scheduler_gone);
  EXPECT_EQ(scheduler->wait(), 0) << scheduler->output();
  EXPECT_EQ(workers->wait(), 0) << workers->output();
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(standing_cluster, says_so_at_once_when_its_scheduler_is_killed) {
  start_scheduler();
  auto workers = start_workers(2);
  auto cluster = client();
  cluster.start_cluster();
  auto endless = cluster.map(until_stopped, range(4));
  auto before = std::chrono::steady_clock::now();
  scheduler->signal(SIGKILL);
  auto [code, sentence] = refusal([&] { cluster.monitor_progress(endless); });
  EXPECT_EQ(code, error_code::scheduler_gone) << sentence;
  EXPECT_THAT(sentence, HasSubstr("start_cluster"));
  EXPECT_EQ(refusal([&] { return cluster.submit(square, 1); }).first, error_code::scheduler_gone);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
  scheduler->wait();
  EXPECT_EQ(workers->wait(), 1) << workers->output();
  EXPECT_THAT(workers->output(), HasSubstr("the scheduler has ended"));
  cluster.shutdown_cluster();
  EXPECT_FALSE(std::filesystem::exists(folder));
  start_scheduler();
  auto others = start_workers(1);
  cluster.start_cluster();
  EXPECT_EQ(cluster.submit(square, 3).get(), 9);
}

TEST_F(standing_cluster, takes_over_the_folder_of_a_dead_scheduler) {
  start_scheduler();
  auto first = line_of_connection("secret");
  scheduler->signal(SIGKILL);
  scheduler->wait();
  EXPECT_EQ(refusal([&] { client({.start_timeout = 200ms}).start_cluster(); }).first, error_code::scheduler_gone);
  start_scheduler();
  EXPECT_NE(line_of_connection("secret"), first);
}

TEST_F(standing_cluster, is_left_by_workers_and_programs_when_its_scheduler_stands_still) {
  std::vector<std::string> beats{"--daskify.heartbeat_interval", "50ms", "--daskify.heartbeat_timeout", "150ms"};
  start_scheduler(beats);
  auto workers = start_workers(1);
  auto cluster = client();
  cluster.start_cluster();
  auto endless = cluster.map(until_stopped, range(1));
  scheduler->signal(SIGSTOP); // as if its machine had vanished: no connection is closed
  EXPECT_EQ(refusal([&] { cluster.gather_data(endless); }).first, error_code::scheduler_gone);
  EXPECT_EQ(workers->wait(), 1) << workers->output();
}

TEST_F(standing_cluster, loses_nothing_when_workers_are_asked_to_end) {
  start_scheduler();
  auto leaving = start_workers(2);
  auto cluster = client();
  cluster.start_cluster();
  auto large = cluster.submit([](int n) { return std::vector<double>(static_cast<std::size_t>(n), 1.0); }, 400'000);
  daskify::wait(std::vector{large});
  auto futures = cluster.map(slow_square, range(400));
  ASSERT_TRUE(eventually([&] { return cluster.check_progress(futures, unread).finished > 10; }));
  auto staying = start_workers(1);
  leaving->signal(SIGTERM);
  EXPECT_EQ(leaving->wait(), 0) << leaving->output();
  auto counts = cluster.monitor_progress(futures);
  EXPECT_EQ(counts.finished, 400u) << counts;
  EXPECT_EQ(cluster.workers().size(), 1u);
  EXPECT_EQ(large.get().size(), 400'000u) << "it was only on the node that has left";
}

TEST_F(standing_cluster, goes_on_when_workers_are_killed) {
  start_scheduler();
  auto doomed = start_workers(1);
  auto staying = start_workers(1);
  auto cluster = client();
  cluster.start_cluster();
  auto futures = cluster.map(slow_square, range(400));
  ASSERT_TRUE(eventually([&] { return cluster.check_progress(futures, unread).finished > 10; }));
  auto workers = cluster.workers();
  ASSERT_EQ(workers.size(), 2u);
  auto first = workers[0];
  ::kill(first.pid, SIGKILL); // one process: its node starts another
  ASSERT_TRUE(eventually([&] {
    auto now = cluster.workers();
    return now.size() == 2 && std::none_of(now.begin(), now.end(), [&](auto& w) { return w.pid == first.pid; });
  }));
  doomed->signal(SIGKILL); // a whole node
  auto counts = cluster.monitor_progress(futures);
  EXPECT_EQ(counts.finished, 400u) << counts;
  EXPECT_TRUE(eventually([&] { return cluster.workers().size() == 1; }));
  auto folders = [] { return entries(std::getenv("DASKIFY_SESSION_DIRECTORY"), "daskify-").size(); };
  EXPECT_TRUE(eventually([&] { return folders() == 1; })) << "its workers have ended, and removed what it had left";
}

// -- clients that vanish ------------------------------------------------------------------------------------

/// Started by the tests below as a process of its own.
TEST(client_of_a_standing_cluster, DISABLED_keeps_its_workers_busy) {
  const char* folder = std::getenv("TEST_CLIENT_BASE");
  if (!folder)
    GTEST_SKIP() << "is started by other tests";
  auto cluster = program_with({.mode = daskify::cluster_mode::connect, .connection_directory = folder}, "client");
  cluster.start_cluster();
  cluster.scatter_data("big", std::vector<double>(1 << 20));
  auto endless = cluster.map(until_stopped, range(10));
  ASSERT_TRUE(eventually([&] { return cluster.check_progress(endless, std::clog).running == 2; }));
  std::cout << "is busy" << std::endl;
  cluster.gather_data(endless);
}

struct client_that_vanishes : standing_cluster, testing::WithParamInterface<int> {};

TEST_P(client_that_vanishes, takes_its_work_and_data_with_it_and_leaves_the_workers) {
  start_scheduler({"--daskify.heartbeat_interval", "100ms", "--daskify.heartbeat_timeout", "2s"});
  auto workers = start_workers(2);
  auto watcher = client();
  watcher.start_cluster();
  auto pids = [&] {
    std::set<int> all;
    for (const auto& w : watcher.workers())
      all.insert(w.pid);
    return all;
  };
  auto before = pids();
  ::setenv("TEST_CLIENT_BASE", folder.c_str(), 1);
  child_program vanishing{this_program,
                          {"--gtest_also_run_disabled_tests",
                           "--gtest_filter=client_of_a_standing_cluster.DISABLED_keeps_its_workers_busy"}};
  ::unsetenv("TEST_CLIENT_BASE");
  ASSERT_TRUE(vanishing.says("is busy")) << vanishing.output();
  EXPECT_EQ(watcher.nodes().size(), 4u);
  vanishing.signal(GetParam());
  EXPECT_TRUE(eventually([&] { return watcher.objects().empty() && watcher.nodes().size() == 3; }));
  EXPECT_EQ(watcher.submit(square, 3).get(), 9);
  EXPECT_TRUE(eventually([&] {
    auto now = watcher.workers();
    return std::none_of(now.begin(), now.end(), [](const auto& w) { return w.busy; });
  }));
  EXPECT_EQ(pids(), before);
  if (GetParam() == SIGSTOP) {
    vanishing.signal(SIGCONT);
    EXPECT_GT(vanishing.wait(), 0) << "it is told that it was taken for gone";
    EXPECT_THAT(vanishing.output(), HasSubstr("considers this client dead"));
  }
}

INSTANTIATE_TEST_SUITE_P(by_signal, client_that_vanishes, testing::Values(SIGKILL, SIGTERM, SIGSTOP),
                         [](const auto& tested) { return "signal_" + std::to_string(tested.param); });

TEST_F(standing_cluster, gives_back_more_results_at_a_time_than_a_message_carries) {
  start_scheduler();
  auto workers = start_workers(2);
  auto cluster = client();
  cluster.start_cluster();
  auto page = [](int x) { return std::string(2'000, static_cast<char>('a' + x % 26)); };
  auto pages = cluster.gather_data(cluster.map(page, range(100'000))); // 200 MB
  ASSERT_EQ(pages.size(), 100'000u);
  for (int x = 0; x < 100'000; ++x)
    ASSERT_EQ(pages[static_cast<std::size_t>(x)], page(x)) << x;
}

// -- refusals -------------------------------------------------------------------------------------------------

TEST_F(standing_cluster, is_waited_for_as_long_as_start_timeout_when_it_stands_still) {
  start_scheduler();
  scheduler->signal(SIGSTOP);
  auto [code, sentence] = refusal([&] { client({.start_timeout = 1500ms}).start_cluster(); });
  EXPECT_EQ(code, error_code::scheduler_gone);
  EXPECT_THAT(sentence, HasSubstr(address() + " (takes the connection, and says nothing for 1.5 s)"));
  child_program workers{"daskify-worker", with_folder({"--daskify.start_timeout=1s"})};
  EXPECT_EQ(workers.wait(), 1);
  EXPECT_THAT(workers.output(), HasSubstr("says nothing for 1 s"));
  scheduler->signal(SIGCONT);
  client().start_cluster();
}

TEST_F(standing_cluster, is_waited_for_by_one_thread_and_not_by_those_that_ask_meanwhile) {
  start_scheduler();
  scheduler->signal(SIGSTOP);
  auto cluster = client({.start_timeout = 10min});
  auto started = std::async(std::launch::async, [&] { cluster.start_cluster(); });
  EXPECT_TRUE(eventually([&] { return is_connected_to(address()); }));
  EXPECT_EQ(refusal([&] { cluster.workers(); }).first, error_code::not_started);
  scheduler->signal(SIGCONT);
  started.get();
  EXPECT_EQ(cluster.workers().size(), 0u);
}

TEST_F(standing_cluster, is_waited_for_by_workers_until_they_are_interrupted) {
  start_scheduler();
  scheduler->signal(SIGSTOP);
  for (int signal : {SIGINT, SIGTERM}) {
    child_program workers{"daskify-worker", with_folder({"--daskify.start_timeout=10m"})};
    ASSERT_TRUE(eventually([&] { return blocks(workers.pid(), signal); }));
    workers.signal(signal);
    EXPECT_EQ(workers.wait(), 0) << workers.output();
    EXPECT_EQ(workers.output(), "");
  }
  scheduler->signal(SIGCONT);
}

TEST_F(standing_cluster, is_waited_for_by_workers_until_they_are_interrupted_also_where_nobody_reads_what_they_say) {
  pipe_channel full;
  full.fill();
  child_program workers{"daskify-worker", with_folder({"--daskify.start_timeout=10m"}), full.in};
  ASSERT_TRUE(eventually([&] { return blocks(workers.pid(), SIGTERM); }));
  workers.signal(SIGTERM);
  EXPECT_EQ(workers.wait(), 0);
}

TEST_F(standing_cluster, lets_workers_go_whose_processes_have_not_started) {
  start_scheduler();
  auto started = folder / "started";
  auto program = folder / "hanging";
  std::ofstream{program} << "#!/bin/sh\ntouch '" << started.string() << "'; exec sleep 1000\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  child_program workers{"daskify-worker", with_folder({"--program", program.string(), "--daskify.start_timeout=10m"})};
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(started); })) << workers.output();
  workers.signal(SIGTERM);
  EXPECT_EQ(workers.wait(), 0) << workers.output();
  EXPECT_EQ(workers.output(), "");
}

TEST_F(standing_cluster, is_not_waited_for_any_longer_than_start_timeout) {
  auto [code, sentence] = refusal([&] { client({.start_timeout = 200ms}).start_cluster(); });
  EXPECT_EQ(code, error_code::session_failed);
  EXPECT_THAT(sentence, AllOf(HasSubstr(folder.string()), HasSubstr("daskify-scheduler")));
  child_program workers{"daskify-worker", with_folder({"--daskify.start_timeout=200ms"})};
  EXPECT_EQ(workers.wait(), 1);
  EXPECT_THAT(workers.output(), HasSubstr(folder.string()));
}

TEST_F(standing_cluster, names_an_address_at_which_nobody_listens) {
  environment_variable secret{"DASKIFY_SECRET", std::string(64, 'a')};
  auto [code, sentence] = refusal([&] { client({.scheduler = "127.0.0.1:1"}).start_cluster(); });
  EXPECT_EQ(code, error_code::scheduler_gone);
  EXPECT_THAT(sentence, HasSubstr("127.0.0.1:1 (Connection refused)"));
}

TEST_F(standing_cluster, turns_away_whoever_has_another_secret) {
  start_scheduler();
  environment_variable secret{"DASKIFY_SECRET", std::string(64, 'a')};
  auto [code, sentence] = refusal([&] { client({.scheduler = address()}).start_cluster(); });
  EXPECT_EQ(code, error_code::bad_secret) << sentence;
  child_program workers{"daskify-worker", {"--scheduler", address()}};
  EXPECT_EQ(workers.wait(), 3);
  EXPECT_THAT(workers.output(), HasSubstr("secret"));
}

TEST_F(standing_cluster, turns_away_a_secret_that_is_none) {
  start_scheduler();
  environment_variable secret{"DASKIFY_SECRET", "guess"};
  EXPECT_THAT(refusal([&] { client({.scheduler = address()}).start_cluster(); }).second, HasSubstr("DASKIFY_SECRET"));
}

TEST_F(standing_cluster, is_waited_for_by_workers_and_programs_that_start_before_it) {
  child_program workers{"daskify-worker", with_folder({"--program", this_program, "--daskify.size", "2"})};
  EXPECT_TRUE(workers.says("Waiting for one, up to start_timeout (60s)."));
  auto sum = std::async(std::launch::async, [&] {
    auto cluster = client();
    cluster.start_cluster();
    auto values = cluster.gather_data(cluster.map(square, daskify::range(100)));
    return std::accumulate(values.begin(), values.end(), 0);
  });
  start_scheduler();
  EXPECT_EQ(sum.get(), 328350);
}

TEST_F(standing_cluster, is_not_waited_for_by_workers_that_are_told_to_end) {
  child_program workers{"daskify-worker", with_folder({"--program", this_program})};
  EXPECT_TRUE(workers.says("Waiting for one"));
  workers.signal(SIGTERM);
  EXPECT_EQ(workers.wait(), 0);
}

TEST_F(standing_cluster, says_that_it_has_no_workers) {
  start_scheduler();
  child_program sweep{"hello_sweep", with_folder({"--mode", "connect"})};
  EXPECT_TRUE(sweep.says("has no workers; tasks wait until some join."));
  auto workers = start_workers(1, {"--program", DASKIFY_BIN_DIR "/hello_sweep"});
  EXPECT_EQ(sweep.wait(), 0) << sweep.output();
}

TEST_F(standing_cluster, has_one_scheduler) {
  start_scheduler();
  child_program second{"daskify-scheduler", with_folder({})};
  EXPECT_EQ(second.wait(), 1);
  EXPECT_THAT(second.output(), HasSubstr("another running scheduler uses the connection_directory"));
  EXPECT_FALSE(line_of_connection("secret").empty()) << "the first one's is untouched";
}

TEST_F(standing_cluster, says_that_its_port_is_taken) {
  start_scheduler();
  auto port = address().substr(address().rfind(':') + 1);
  auto other = base.path() / "other";
  child_program second{"daskify-scheduler", {"--daskify.connection_directory", other.string(), "--daskify.port", port}};
  EXPECT_EQ(second.wait(), 1);
  EXPECT_THAT(second.output(), AllOf(HasSubstr(port), HasSubstr("may be taken")));
  EXPECT_FALSE(std::filesystem::exists(other));
}

TEST_F(standing_cluster, listens_at_the_port_it_is_given) {
  start_scheduler();
  auto at = address();
  scheduler->signal(SIGINT);
  EXPECT_EQ(scheduler->wait(), 0);
  start_scheduler({"--daskify.port", at.substr(at.rfind(':') + 1)});
  EXPECT_EQ(address(), at);
}

TEST_F(standing_cluster, keeps_its_secret_to_its_user) {
  start_scheduler();
  struct stat info {};
  ASSERT_EQ(::stat(folder.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  ASSERT_EQ(::stat((folder / "scheduler").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(standing_cluster, says_which_library_cannot_be_loaded) {
  start_scheduler();
  child_program workers{"daskify-worker", with_folder({"--load", "/no/such/library.so"})};
  EXPECT_EQ(workers.wait(), 1);
  EXPECT_THAT(workers.output(), HasSubstr("'/no/such/library.so' cannot be loaded"));
}

TEST_F(standing_cluster, programs_say_what_an_argument_means) {
  for (auto program : {"daskify-scheduler", "daskify-worker"}) {
    auto wrong = run_program(program, "--sise 3");
    EXPECT_EQ(wrong.exit_code, 1);
    EXPECT_THAT(wrong.output, HasSubstr("--sise"));
    EXPECT_EQ(run_program(program, "--daskify.help").exit_code, 0);
  }
}

} // namespace
