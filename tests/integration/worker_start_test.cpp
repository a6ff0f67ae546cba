/// on_worker_start: what each worker process does once before its first task.

#include "support/cluster_of_two.hpp"
#include "support/standing_cluster.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

/// Not static, so that messages can name them.
namespace worker_start_calls {

int evaluation_date = 0; ///< as a library keeps one
std::vector<std::string> made_calls;

void set_date(int date) {
  evaluation_date = date;
}

int price(int strike) {
  return strike * 1'000'000 + evaluation_date;
}

void note_call(const std::string& name) {
  made_calls.push_back(name);
}

std::string calls_made(int) {
  std::string all;
  for (const auto& name : made_calls)
    all += name + " ";
  return all;
}

[[noreturn]] void refuse(const std::string& why) {
  throw std::runtime_error{why};
}

/// Throws on the given worker.
void refuse_on(const std::string& worker) {
  if (daskify::this_task::worker() == worker)
    throw std::runtime_error{"not on " + worker};
}

void hang() {
  while (true)
    ::pause();
}

void kill_worker() {
  ::kill(::getpid(), SIGKILL);
}

} // namespace worker_start_calls

namespace {

using namespace std::chrono_literals;
using namespace daskify::test;
using daskify::error_code;
using daskify::range;
using testing::AllOf;
using testing::HasSubstr;
using namespace worker_start_calls;

/// An object that cannot be encoded.
struct handle {
  void* pointer = nullptr;
};

handle open_handle() {
  evaluation_date = 5;
  return {};
}

struct worker_start : cluster_of_two {
  void SetUp() override {}
};

TEST_F(worker_start, sets_what_main_sets_after_its_first_line_in_every_worker) {
  evaluation_date = 7; // in this process only
  cluster.start_cluster();
  EXPECT_EQ(cluster.submit(price, 1).get(), 1'000'000) << "workers are other processes";
  cluster.on_worker_start(set_date, 20'261'130);
  auto prices = cluster.gather_data(cluster.map(price, range(100)));
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(prices[static_cast<std::size_t>(i)], i * 1'000'000 + 20'261'130);
}

TEST_F(worker_start, is_called_before_the_cluster_starts_and_holds_for_each_start) {
  cluster.on_worker_start(set_date, 3);
  for (int i = 0; i < 2; ++i) {
    cluster.start_cluster();
    EXPECT_EQ(cluster.submit(price, 1).get(), 1'000'003);
    cluster.shutdown_cluster();
  }
}

TEST_F(worker_start, makes_the_calls_in_their_order_once_in_each_process) {
  cluster.on_worker_start(note_call, "first");
  cluster.start_cluster();
  cluster.on_worker_start(note_call, std::string{"second"});
  cluster.on_worker_start([](int n) { made_calls.push_back(std::to_string(n)); }, 3);
  for (const auto& calls : cluster.gather_data(cluster.map(calls_made, range(200))))
    ASSERT_EQ(calls, "first second 3 ");
}

TEST_F(worker_start, is_made_anew_in_a_worker_that_takes_the_place_of_a_dead_one) {
  cluster.on_worker_start(note_call, "first");
  cluster.on_worker_start(note_call, "second");
  cluster.start_cluster();
  for (const auto& worker : cluster.workers())
    ::kill(worker.pid, SIGKILL);
  for (const auto& calls : cluster.gather_data(cluster.map(calls_made, range(50))))
    ASSERT_EQ(calls, "first second ");
}

TEST_F(worker_start, takes_scattered_data_large_values_and_functions_whose_results_cannot_travel) {
  cluster.start_cluster();
  auto data = cluster.scatter_data(std::vector<double>{1, 2, 3});
  cluster.on_worker_start([](std::span<const double> values) { evaluation_date = static_cast<int>(values[2]); }, data);
  EXPECT_EQ(cluster.submit(price, 0).get(), 3);
  cluster.on_worker_start([](const std::vector<int>& many) { evaluation_date = many.back(); },
                          std::vector<int>(1'000'000, 4));
  EXPECT_EQ(cluster.submit(price, 0).get(), 4);
  cluster.on_worker_start(open_handle);
  EXPECT_EQ(cluster.submit(price, 0).get(), 5);
  cluster.shutdown_cluster();
  EXPECT_EQ(refusal([&] { cluster.start_cluster(); }).first, error_code::foreign_handle)
      << "the data ended with the cluster that had them";
}

TEST_F(worker_start, ends_the_start_with_the_cause_when_a_call_throws) {
  cluster.on_worker_start(refuse, "there is no license");
  auto [code, sentence] = refusal([&] { cluster.start_cluster(); });
  EXPECT_EQ(code, error_code::start_call_failed);
  EXPECT_THAT(sentence, AllOf(HasSubstr("refuse"), HasSubstr("on_worker_start"), HasSubstr("std::runtime_error"),
                              HasSubstr("there is no license"), HasSubstr("worker-")));
  EXPECT_THROW(cluster.workers(), daskify::cluster_error) << "nothing was started";
}

TEST_F(worker_start, ends_the_tasks_with_the_cause_when_a_call_throws_later) {
  cluster.start_cluster();
  cluster.on_worker_start(refuse, "no license");
  auto futures = cluster.map(square, range(10));
  auto results = cluster.gather_data(futures, daskify::on_error::keep);
  for (const auto& result : results) {
    ASSERT_FALSE(result);
    EXPECT_THAT(result.message(), AllOf(HasSubstr("was not run because"), HasSubstr("threw"), HasSubstr("no license")));
  }
  auto [code, sentence] = refusal([&] { cluster.submit(square, 1).get(); });
  EXPECT_EQ(code, error_code::start_call_failed);
}

TEST_F(worker_start, ends_the_start_with_the_cause_when_a_call_kills_its_workers) {
  cluster.on_worker_start(kill_worker);
  auto [code, sentence] = refusal([&] { cluster.start_cluster(); });
  EXPECT_EQ(code, error_code::start_call_failed);
  EXPECT_THAT(sentence, AllOf(HasSubstr("kill_worker"), HasSubstr("workers in a row"), HasSubstr("signal 9")));
}

TEST_F(worker_start, ends_the_tasks_with_the_cause_when_a_call_kills_its_workers_later) {
  cluster.start_cluster();
  EXPECT_EQ(cluster.submit(square, 3).get(), 9);
  cluster.on_worker_start(kill_worker);
  auto [code, sentence] = refusal([&] { cluster.submit(square, 1).get(); });
  EXPECT_EQ(code, error_code::start_call_failed);
  EXPECT_THAT(sentence, HasSubstr("workers in a row"));
}

TEST_F(worker_start, comes_while_long_tasks_run_and_costs_none_of_them) {
  cluster.start_cluster();
  auto slow = cluster.map(
      [](int x) {
        std::this_thread::sleep_for(30ms);
        return x * x;
      },
      range(20));
  cluster.on_worker_start(set_date, 8);
  auto after = cluster.map(price, range(20));
  auto squares = cluster.gather_data(slow);
  auto prices = cluster.gather_data(after);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(squares[i], static_cast<int>(i * i));
    EXPECT_EQ(prices[i], static_cast<int>(i) * 1'000'000 + 8);
  }
}

TEST_F(worker_start, does_not_change_the_seeds_of_runs) {
  cluster.start_cluster();
  auto first = cluster.submit([] { return daskify::this_task::seed(); }).get();
  cluster.shutdown_cluster();
  cluster.on_worker_start(set_date, 1);
  cluster.start_cluster();
  EXPECT_EQ(cluster.submit([] { return daskify::this_task::seed(); }).get(), first);
}

TEST_F(worker_start, cannot_submit_tasks_which_would_wait_for_its_own_end) {
  cluster.start_cluster();
  cluster.on_worker_start([] { return daskify::this_task::submit(square, 1).get(); });
  auto [code, sentence] = refusal([&] { cluster.submit(square, 1).get(); });
  EXPECT_THAT(sentence, HasSubstr("runs no task"));
}

TEST_F(worker_start, leaves_the_tasks_to_the_workers_on_which_the_call_has_returned) {
  cluster.start_cluster();
  cluster.on_worker_start(refuse_on, "worker-0");
  EXPECT_EQ(cluster.gather_data(cluster.map(square, range(1000))).back(), 999 * 999);
}

TEST_F(worker_start, is_made_again_when_all_workers_are_killed_in_it) {
  cluster.start_cluster();
  auto flag = (base.path() / "flag").string();
  cluster.on_worker_start(
      [](const std::string& file) {
        while (!std::filesystem::exists(file))
          std::this_thread::sleep_for(1ms);
      },
      flag);
  EXPECT_TRUE(eventually([&] {
    auto workers = cluster.workers();
    return workers.size() == 2 && std::ranges::all_of(workers, [](const auto& worker) { return worker.busy; });
  }));
  for (const auto& worker : cluster.workers())
    ::kill(worker.pid, SIGKILL);
  auto future = cluster.submit(square, 3);
  std::ofstream{flag} << "go";
  EXPECT_EQ(future.get(), 9);
  std::filesystem::remove(flag);
}

struct worker_start_on_standing_cluster : standing_cluster {};

TEST_F(worker_start_on_standing_cluster, that_hangs_holds_up_nobody_once_its_client_has_left) {
  start_scheduler();
  auto workers = start_workers(1);
  {
    auto one = client();
    one.start_cluster();
    one.on_worker_start(hang);
    EXPECT_TRUE(eventually([&] { return one.workers().at(0).busy; }));
  }
  auto two = client();
  two.start_cluster();
  EXPECT_EQ(two.submit(square, 3).get(), 9);
}

TEST_F(worker_start_on_standing_cluster, holds_for_the_tasks_of_its_client_also_those_that_tasks_submit) {
  start_scheduler();
  auto workers = start_workers(2);
  auto one = client();
  auto two = client();
  one.start_cluster();
  two.start_cluster();
  one.on_worker_start(refuse, "for one only");
  auto [code, sentence] = refusal([&] { one.submit(square, 1).get(); });
  EXPECT_EQ(code, error_code::start_call_failed);
  EXPECT_EQ(two.submit(square, 3).get(), 9);
  EXPECT_EQ(two.submit([] { return daskify::this_task::submit(square, 4).get(); }).get(), 16);
  one.shutdown_cluster();
  auto three = client();
  three.on_worker_start(set_date, 6);
  three.start_cluster();
  EXPECT_EQ(three.gather_data(three.map(price, range(4))), (std::vector<int>{6, 1'000'006, 2'000'006, 3'000'006}));
}

TEST_F(worker_start_on_standing_cluster, is_made_by_workers_that_join_later) {
  start_scheduler();
  auto one = client();
  one.on_worker_start(set_date, 9);
  one.start_cluster();
  auto future = one.submit(price, 0);
  auto workers = start_workers(1);
  EXPECT_EQ(future.get(), 9);
}

} // namespace
