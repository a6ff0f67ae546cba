/// The main job with real worker processes.

#include "support/leftovers.hpp"

#include <daskify/daskify.hpp>

#include <gmock/gmock.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sys/wait.h>

namespace {

using namespace std::chrono_literals;
using daskify::args;
using daskify::iterables;
using daskify::loops;
using daskify::range;
using daskify::test::eventually;
using testing::HasSubstr;

int square(int x) {
  return x * x;
}
double weighted(std::span<const double> weights, double x) {
  return weights[0] * x + weights[1];
}
std::string describe_both(int a, const std::string& b) {
  return std::to_string(a) + b;
}
int odd_only(int x) {
  if (x % 2 == 0)
    throw std::invalid_argument{"even: " + std::to_string(x)};
  return x;
}
void nothing() {}
struct greeter {
  std::string greeting;
  std::string operator()(const std::string& name) const { return greeting + name; }
};

/// Waits for a task that waits for a task, n deep.
int chain(int n) {
  return n == 0 ? 0 : 1 + daskify::this_task::submit(chain, n - 1).get();
}

/// A started cluster of two workers, whose session folder is in a folder of its own.
struct cluster_of_two : testing::Test {
  daskify::test::temporary_folder base;
  std::set<std::string> before = daskify::test::leftovers(base.path());
  daskify::daskified cluster = make();

  daskify::daskified make(daskify::options with = {}) {
    static char name[] = "test";
    char* argv[] = {name, nullptr};
    int argc = 1;
    if (!with.size)
      with.size = 2;
    with.session_directory = base.path().string();
    with.progress = daskify::progress_style::off;
    return {argc, argv, with};
  }

  void SetUp() override { cluster.start_cluster(); }

  void TearDown() override {
    std::vector<int> pids;
    try {
      for (const auto& w : cluster.workers())
        pids.push_back(w.pid);
    } catch (const daskify::cluster_error&) {
      // The test has shut it down itself.
    }
    cluster.shutdown_cluster();
    for (auto pid : pids)
      EXPECT_FALSE(daskify::test::is_alive(pid));
    EXPECT_EQ(daskify::test::leftovers(base.path()), before);
  }
};

TEST_F(cluster_of_two, runs_a_function_over_a_range) {
  auto futures = cluster.map(square, range(1000));
  auto results = cluster.gather_data(futures);
  ASSERT_EQ(results.size(), 1000u);
  for (int i = 0; i < 1000; ++i)
    ASSERT_EQ(results[static_cast<std::size_t>(i)], i * i);
}

TEST_F(cluster_of_two, runs_every_combination_with_loops_outermost_and_the_last_iterable_fastest) {
  auto futures = cluster.run([](int a, const std::string& b) { return std::to_string(a) + b; },
                             iterables(range(2), std::vector<std::string>{"x", "y", "z"}), loops(2));
  EXPECT_THAT(cluster.gather_data(futures),
              testing::ElementsAre("0x", "0y", "0z", "1x", "1y", "1z", "0x", "0y", "0z", "1x", "1y", "1z"));
  EXPECT_EQ(futures.combination(5), std::tuple(1, std::string{"z"}));
  EXPECT_EQ(futures.combination(11), std::tuple(1, std::string{"z"}));
  EXPECT_EQ(futures.loop(5), 0u);
  EXPECT_EQ(futures.loop(6), 1u);
}

TEST_F(cluster_of_two, takes_the_groups_in_any_order_and_none_at_all) {
  auto a = cluster.run(describe_both, iterables(std::vector<std::string>{"b"}), args(7));
  EXPECT_THAT(cluster.gather_data(a), testing::ElementsAre("7b"));
  auto b = cluster.run(nothing, loops(3));
  EXPECT_EQ(cluster.gather_data(b).size(), 3u);
  EXPECT_EQ(cluster.gather_data(cluster.run(nothing)).size(), 1u);
  EXPECT_TRUE(cluster.gather_data(cluster.map(square, std::vector<int>{})).empty());
}

TEST_F(cluster_of_two, lets_tasks_see_scattered_data_without_a_copy) {
  auto weights = cluster.scatter_data("weights", std::vector<double>{2.0, 1.0});
  auto results = cluster.gather_data(cluster.run(weighted, args(weights), iterables(range(3))));
  EXPECT_THAT(results, testing::ElementsAre(1.0, 3.0, 5.0));
  auto sizes = cluster.gather_data(
      cluster.run([](const std::vector<double>& all, int) { return all.size(); }, args(weights), iterables(range(2))));
  EXPECT_THAT(sizes, testing::ElementsAre(2u, 2u));
  EXPECT_EQ(cluster.gather_data<std::vector<double>>("weights"), (std::vector{2.0, 1.0}));
}

TEST_F(cluster_of_two, loses_only_the_task_that_writes_to_scattered_data) {
  auto data = cluster.scatter_data(std::vector<int>{1, 2, 3});
  auto bad = cluster.submit(
      [](std::span<const int> view) {
        const_cast<int&>(view[0]) = 7;
        return view[0];
      },
      data);
  EXPECT_THROW(bad.get(), daskify::worker_lost);
  EXPECT_EQ(cluster.submit([](std::span<const int> view) { return view[0]; }, data).get(), 1);
}

TEST_F(cluster_of_two, refuses_keys_that_are_taken_unknown_or_of_another_type) {
  cluster.scatter_data("observed", std::vector<double>{1.0});
  EXPECT_THROW(cluster.scatter_data("observed", 3), daskify::data_error);
  EXPECT_THROW(cluster.gather_data<int>("observed"), daskify::data_error);
  try {
    cluster.gather_data<int>("observd");
    FAIL();
  } catch (const daskify::data_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("observed"));
  }
  cluster.scatter_data("observed", 3, daskify::existing_key::replace);
  EXPECT_EQ(cluster.gather_data<int>("observed"), 3);
  cluster.release("observed");
  EXPECT_THROW(cluster.gather_data<int>("observed"), daskify::data_error);
}

TEST_F(cluster_of_two, passes_values_bit_exactly) {
  auto odd = std::bit_cast<double>(0x7ff800000000beefULL);
  std::vector<double> values{odd, -0.0, std::numeric_limits<double>::infinity(), 5e-324};
  auto back = cluster.gather_data(cluster.map([](double x) { return x; }, values));
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(std::bit_cast<std::uint64_t>(back[i]), std::bit_cast<std::uint64_t>(values[i]));
}

TEST_F(cluster_of_two, runs_lambdas_with_captured_numbers_and_structs_with_members_of_any_kind) {
  int step = 5;
  EXPECT_EQ(cluster.submit([step](int x) { return x + step; }, 2).get(), 7);
  EXPECT_EQ(cluster.submit(greeter{"hello "}, std::string{"you"}).get(), "hello you");
}

TEST_F(cluster_of_two, takes_futures_as_arguments) {
  auto one = cluster.submit(square, 3);
  auto two = cluster.submit([](int a, int b) { return a + b; }, one, 1);
  EXPECT_EQ(two.get(), 10);
  std::vector<daskify::future<int>> many{one, two};
  auto halves = cluster.map([](int x) { return x / 2.0; }, many);
  EXPECT_THAT(cluster.gather_data(halves), testing::ElementsAre(4.5, 5.0));
}

TEST_F(cluster_of_two, tells_what_a_task_threw_and_lets_the_others_go_on) {
  auto futures = cluster.run([](int a, int b) { return odd_only(a * 10 + b); }, iterables(range(2), range(4)));
  try {
    cluster.gather_data(futures);
    FAIL();
  } catch (const daskify::task_error& e) {
    EXPECT_EQ(e.details().type, "std::invalid_argument");
    EXPECT_EQ(e.details().text, "even: 0");
    EXPECT_EQ(e.details().task, 0u);
    EXPECT_EQ(e.details().combination, "0, 0");
    EXPECT_THAT(e.details().worker, HasSubstr("worker-"));
    EXPECT_FALSE(e.details().host.empty());
  }
  EXPECT_THAT(cluster.gather_data(futures, daskify::on_error::skip), testing::ElementsAre(1, 3, 11, 13));
  auto kept = cluster.gather_data(futures, daskify::on_error::keep);
  ASSERT_EQ(kept.size(), 8u);
  EXPECT_FALSE(kept[2].has_value());
  EXPECT_THAT(kept[2].message(), HasSubstr("even: 2"));
  EXPECT_EQ(kept[3].value(), 3);
  auto counts = cluster.check_progress(futures);
  EXPECT_EQ(counts.error, 4u);
  EXPECT_EQ(counts.finished, 4u);
}

TEST_F(cluster_of_two, tells_what_a_failed_task_had_printed) {
  auto talks = cluster.submit(
      [](int x) -> int {
        std::cout << "about to fail with " << x << std::endl;
        throw x;
      },
      42);
  try {
    talks.get();
    FAIL();
  } catch (const daskify::task_error& e) {
    EXPECT_THAT(e.details().output, HasSubstr("about to fail with 42"));
    EXPECT_EQ(e.details().type, "int");
  }
}

TEST_F(cluster_of_two, loses_a_task_that_kills_its_worker_and_finishes_the_rest) {
  auto futures = cluster.map(
      [](int x) {
        if (x == 13)
          std::raise(SIGKILL);
        return x;
      },
      range(200));
  auto kept = cluster.gather_data(futures, daskify::on_error::keep);
  for (std::size_t i = 0; i < 200; ++i)
    EXPECT_EQ(kept[i].has_value(), i != 13) << i;
  EXPECT_EQ(kept[13].code(), daskify::error_code::worker_died);
  EXPECT_THAT(kept[13].message(), HasSubstr("signal 9"));
}

TEST_F(cluster_of_two, shows_the_last_words_of_the_task_that_killed_its_worker_and_of_no_other) {
  auto speaks = [](int x) {
    std::printf("task %d speaks\n", x);
    if (x == 3)
      std::raise(SIGKILL);
    return x;
  };
  auto kept = cluster.gather_data(cluster.map(speaks, range(6)), daskify::on_error::keep);
  EXPECT_THAT(kept[3].message(), testing::EndsWith("last output: task 3 speaks"));
}

/// Cannot be made from its bytes in the client.
bool is_client = false;
struct picky {
  int value = 0;

  template <class Inspector>
  friend bool inspect(Inspector& f, picky& x) {
    if (!f(x.value))
      return false;
    if (is_client && x.value == 1)
      throw std::domain_error{"one is refused"};
    return true;
  }
};

TEST_F(cluster_of_two, tells_of_a_result_that_cannot_be_decoded_as_of_a_failed_task) {
  is_client = true;
  auto futures = cluster.map([](int x) { return picky{x}; }, range(3));
  auto kept = cluster.gather_data(futures, daskify::on_error::keep);
  is_client = false;
  EXPECT_EQ(kept[1].code(), daskify::error_code::not_decodable);
  EXPECT_THAT(kept[1].message(), HasSubstr("std::domain_error: one is refused"));
  EXPECT_EQ(kept[2].value().value, 2);
}

TEST_F(cluster_of_two, loses_no_result_when_a_worker_is_killed) {
  auto futures = cluster.map(
      [](int x) {
        auto until = std::chrono::steady_clock::now() + 1ms;
        while (std::chrono::steady_clock::now() < until) {
        }
        return x;
      },
      range(1000));
  ASSERT_TRUE(daskify::wait(futures, 100));
  ::kill(cluster.workers().at(0).pid, SIGKILL);
  auto results = cluster.gather_data(futures);
  for (int i = 0; i < 1000; ++i)
    ASSERT_EQ(results[static_cast<std::size_t>(i)], i);
  EXPECT_TRUE(eventually([&] { return cluster.workers().size() == 2; })) << "the dead worker is replaced";
}

TEST_F(cluster_of_two, survives_the_death_of_all_workers) {
  for (const auto& w : cluster.workers())
    ::kill(w.pid, SIGKILL);
  EXPECT_EQ(cluster.submit(square, 4).get(), 16);
}

TEST_F(cluster_of_two, cancels_what_runs_and_what_waits) {
  auto futures = cluster.map(
      [](int) {
        while (!daskify::this_task::stop_requested()) {
        }
        return 0;
      },
      range(10));
  ASSERT_TRUE(eventually([&] { return cluster.check_progress(futures, std::clog).running == 2; }));
  futures.cancel();
  EXPECT_THROW(futures[0].get(), daskify::cancelled);
  EXPECT_EQ(futures[9].status(), daskify::status::cancelled);
  EXPECT_EQ(cluster.monitor_progress(futures).cancelled, 10u);
  EXPECT_EQ(cluster.submit(square, 2).get(), 4) << "the workers are free again";
}

TEST_F(cluster_of_two, gives_futures_in_the_order_in_which_they_end) {
  auto gate = daskify::test::temporary_folder{};
  auto file = (gate.path() / "open").string();
  auto slow = cluster.submit(
      [](const std::string& name) {
        while (!std::ifstream{name}) {
        }
        return 1;
      },
      file);
  auto quick = cluster.submit(square, 0);
  std::vector<int> order;
  for (const auto& f : daskify::as_completed(std::vector{slow, quick})) {
    order.push_back(f.get());
    std::ofstream{file};
  }
  EXPECT_THAT(order, testing::ElementsAre(0, 1));
  EXPECT_TRUE(slow.wait_for(0s));
}

TEST_F(cluster_of_two, gives_tasks_their_place_and_a_reproducible_seed) {
  auto seeds = [&](daskify::daskified& c) {
    return c.gather_data(c.run([](int) { return daskify::this_task::seed(); }, iterables(range(100)), loops(2)));
  };
  auto first = seeds(cluster);
  EXPECT_EQ(std::set<std::uint64_t>(first.begin(), first.end()).size(), 200u);
  auto other = make({.size = 1});
  other.start_cluster();
  EXPECT_EQ(seeds(other), first);
  auto places = cluster.gather_data(cluster.run(
      [](int) {
        return std::pair{daskify::this_task::index(), daskify::this_task::loop()};
      },
      iterables(range(3)), loops(2)));
  EXPECT_EQ(places[4], std::pair(std::uint64_t{4}, std::uint64_t{1}));
}

/// Each call but the last ones submits two more and waits for them.
int fibonacci(int n) {
  if (n < 2)
    return n;
  auto a = daskify::this_task::submit(fibonacci, n - 1);
  auto b = daskify::this_task::submit(fibonacci, n - 2);
  return a.get() + b.get();
}

TEST_F(cluster_of_two, lets_tasks_submit_tasks_and_wait_for_them) {
  EXPECT_EQ(cluster.submit(fibonacci, 12).get(), 144);
  auto sums = cluster.map(
      [](int n) {
        auto squares = daskify::this_task::run(square, iterables(range(n)), loops(2));
        auto all = daskify::this_task::gather_data(squares);
        return std::accumulate(all.begin(), all.end(), 0);
      },
      range(5));
  EXPECT_THAT(cluster.gather_data(sums), testing::ElementsAre(0, 0, 2, 10, 28));
}

TEST_F(cluster_of_two, runs_a_task_while_another_waits_but_never_two_at_a_time) {
  auto one = make({.size = 1});
  one.start_cluster();
  auto result = one.submit([] {
    static std::atomic<int> inside{0};
    static std::atomic<int> most{0};
    auto work = [](int) {
      most = std::max(most.load(), ++inside);
      auto until = std::chrono::steady_clock::now() + 1ms;
      while (std::chrono::steady_clock::now() < until) {
      }
      --inside;
      return ::getpid();
    };
    auto all = daskify::this_task::map(work, range(100));
    int last = -1;
    for (const auto& f : daskify::as_completed(all)) { // goes on at each one, among the others
      last = f.get();
      most = std::max(most.load(), ++inside);
      --inside;
    }
    return std::pair{most.load(), last == ::getpid()};
  });
  EXPECT_EQ(result.get(), std::pair(1, true));
}

TEST_F(cluster_of_two, gives_nested_tasks_seeds_that_do_not_depend_on_the_worker) {
  auto seeds = [](daskify::daskified& c) {
    return c.gather_data(c.map(
        [](int) {
          auto inner = daskify::this_task::map([](int) { return daskify::this_task::seed(); }, range(3));
          return daskify::this_task::gather_data(inner);
        },
        range(4)));
  };
  auto first = seeds(cluster);
  auto other = make({.size = 1});
  other.start_cluster();
  EXPECT_EQ(seeds(other), first);
  EXPECT_NE(first[0], first[1]);
}

TEST_F(cluster_of_two, tells_a_task_what_became_of_its_own_tasks) {
  auto told = cluster.submit([] {
    auto bad = daskify::this_task::map(odd_only, range(2));
    auto kept = daskify::this_task::gather_data(bad, daskify::on_error::keep);
    bad[1].cancel();
    return std::pair{kept[0].message(), kept[1].value()};
  });
  EXPECT_THAT(told.get().first, HasSubstr("even: 0"));
  auto uncaught = cluster.submit([] { return daskify::this_task::submit(odd_only, 4).get(); });
  try {
    uncaught.get();
    FAIL();
  } catch (const daskify::task_error& e) {
    EXPECT_EQ(e.details().type, "daskify::task_error");
    EXPECT_THAT(e.details().text, HasSubstr("even: 4"));
  }
}

TEST_F(cluster_of_two, ends_the_tasks_of_a_task_that_is_cancelled) {
  auto endless = [](int) {
    while (!daskify::this_task::stop_requested()) {
    }
    return 0;
  };
  auto one = make({.size = 1}); // on which both are at the same time
  one.start_cluster();
  auto outer = one.submit([endless] { return daskify::this_task::submit(endless, 1).get(); });
  ASSERT_TRUE(eventually([&] { return one.workers().at(0).running == 2; }));
  outer.cancel();
  EXPECT_TRUE(eventually([&] { return one.workers().at(0).running == 0; }));
  EXPECT_EQ(one.submit(square, 3).get(), 9);
}

TEST_F(cluster_of_two, runs_a_task_again_with_all_it_had_submitted_when_its_worker_dies) {
  daskify::test::temporary_folder folder;
  auto first_time = (folder.path() / "first").string();
  std::ofstream{first_time};
  auto outer = cluster.submit(
      [](const std::string& file) {
        auto inner = daskify::this_task::map(square, range(50));
        if (std::filesystem::remove(file))
          std::raise(SIGKILL);
        auto all = daskify::this_task::gather_data(inner);
        return std::accumulate(all.begin(), all.end(), 0);
      },
      first_time);
  EXPECT_EQ(outer.get(), 40425);
}

TEST_F(cluster_of_two, loses_a_task_that_always_kills_its_worker_while_it_waits) {
  auto deadly = cluster.submit([] {
    auto inner = daskify::this_task::submit([] { std::raise(SIGKILL); });
    inner.get();
    return 1;
  });
  EXPECT_ANY_THROW(deadly.get());
  EXPECT_EQ(cluster.submit(square, 3).get(), 9);
}

TEST_F(cluster_of_two, says_so_when_too_many_tasks_of_a_worker_wait) {
  auto deep = cluster.submit(chain, 2000);
  try {
    deep.get();
    FAIL();
  } catch (const daskify::task_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("More than 256 tasks of one worker would wait"));
  }
}

TEST(this_task, refuses_to_submit_outside_of_a_task) {
  try {
    daskify::this_task::submit(square, 1);
    FAIL();
  } catch (const daskify::task_error& e) {
    EXPECT_EQ(e.code(), daskify::error_code::not_in_a_task);
  }
}

TEST_F(cluster_of_two, keeps_what_a_chain_of_tasks_needs) {
  auto last = cluster.submit(square, 0);
  for (int i = 0; i < 2'000; ++i)
    last = cluster.submit([](int x) { return x + 1; }, last);
  EXPECT_EQ(last.get(), 2'000);
}

TEST_F(cluster_of_two, remembers_runs_until_they_are_released) {
  auto a = cluster.map(square, range(3));
  auto b = cluster.map([](int x) { return x / 2.0; }, range(3));
  EXPECT_EQ(cluster.runs().size(), 2u);
  EXPECT_THAT(cluster.gather_data<double>(), testing::ElementsAre(0.0, 0.5, 1.0));
  EXPECT_THAT(cluster.collect_results<double>(), testing::ElementsAre(0.0, 0.5, 1.0));
  EXPECT_THROW(cluster.gather_data<int>(), daskify::data_error);
  cluster.release(b);
  EXPECT_THAT(cluster.gather_data<int>(), testing::ElementsAre(0, 1, 4));
  cluster.release();
  EXPECT_THROW(cluster.check_progress(), daskify::data_error);
  EXPECT_THAT(cluster.gather_data(a), testing::ElementsAre(0, 1, 4)) << "futures keep their run";
}

TEST_F(cluster_of_two, says_so_when_used_after_shutdown_and_can_start_again) {
  auto futures = cluster.map(square, range(3));
  cluster.shutdown_cluster();
  cluster.shutdown_cluster();
  EXPECT_THROW(cluster.submit(square, 1), daskify::cluster_error);
  EXPECT_THROW(futures[0].get(), daskify::cluster_error);
  cluster.start_cluster();
  EXPECT_THROW(cluster.start_cluster(), daskify::cluster_error);
  EXPECT_EQ(cluster.submit(square, 5).get(), 25);
}

TEST_F(cluster_of_two, wakes_a_waiting_thread_at_shutdown) {
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

TEST_F(cluster_of_two, refuses_futures_and_data_of_another_cluster) {
  auto other = make({.size = 1});
  other.start_cluster();
  auto theirs = other.submit(square, 3);
  auto text = other.scatter_data(std::string{"theirs"});
  auto ours = cluster.submit(square, 5);
  EXPECT_THROW(cluster.submit(square, theirs), daskify::data_error);
  EXPECT_THROW(cluster.submit([](std::string_view s) { return s.size(); }, text), daskify::data_error);
  EXPECT_THROW(cluster.gather_data(std::vector{ours, theirs}), daskify::data_error);
  other.shutdown_cluster();
  other.start_cluster();
  EXPECT_THROW(other.submit(square, theirs), daskify::data_error) << "its session is over";
}

TEST_F(cluster_of_two, can_be_shut_down_by_another_thread) {
  std::thread{[&] { cluster.shutdown_cluster(); }}.join();
  EXPECT_THROW(cluster.workers(), daskify::cluster_error);
}

TEST_F(cluster_of_two, monitors_and_waits_for_no_tasks_at_all) {
  auto none = cluster.run(square, iterables(range(0)));
  EXPECT_EQ(cluster.monitor_progress().total, 0u);
  EXPECT_TRUE(daskify::wait(none));
  EXPECT_THROW(none.combination(0), std::out_of_range);
  auto three = cluster.map(square, range(3));
  EXPECT_TRUE(daskify::wait(three, 100)) << "no more than all can end";
  EXPECT_TRUE(three[0].wait_for(std::chrono::hours::max()));
  EXPECT_THROW(three[3], std::out_of_range);
}

TEST_F(cluster_of_two, says_what_is_wrong_with_empty_futures_keys_and_objects) {
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

TEST_F(cluster_of_two, is_not_touched_by_a_forked_copy_of_the_client) {
  auto child = ::fork();
  if (child == 0) {
    cluster.shutdown_cluster();
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(cluster.submit(square, 3).get(), 9);
}

TEST(cluster, refuses_to_be_used_before_start) {
  char name[] = "test";
  char* argv[] = {name, nullptr};
  int argc = 1;
  daskify::daskified cluster{argc, argv};
  try {
    cluster.submit(square, 1);
    FAIL();
  } catch (const daskify::cluster_error& e) {
    EXPECT_EQ(e.code(), daskify::error_code::not_started);
    EXPECT_THAT(e.what(), HasSubstr("start_cluster"));
  }
}

/// Starts a cluster whose workers are another program; gives the error's sentence.
std::string start_with(const std::string& worker_program) {
  daskify::test::temporary_folder base;
  char name[] = "test";
  char* argv[] = {name, nullptr};
  int argc = 1;
  daskify::daskified cluster{
      argc, argv, {.size = 2, .worker_program = worker_program, .session_directory = base.path().string()}};
  try {
    cluster.start_cluster();
  } catch (const daskify::cluster_error& e) {
    EXPECT_TRUE(daskify::test::leftovers(base.path()) == daskify::test::leftovers("/nowhere"));
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
  char name[] = "client";
  char* argv[] = {name, nullptr};
  int argc = 1;
  daskify::daskified cluster{argc, argv, {.size = 2, .session_directory = base}};
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
  daskify::test::temporary_folder base;
  daskify::test::temporary_folder messages;
  auto before = daskify::test::leftovers(base.path());
  auto ready = messages.path() / "ready";
  auto client = start_client(base.path(), ready);
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(ready); }));
  std::vector<int> workers;
  std::ifstream in{ready};
  for (int pid = 0; in >> pid;)
    workers.push_back(pid);
  ASSERT_EQ(workers.size(), 2u);
  ASSERT_FALSE(daskify::test::entries(base.path(), "daskify-").empty());
  ::kill(client, GetParam());
  int status = 0;
  ASSERT_EQ(::waitpid(client, &status, 0), client);
  EXPECT_TRUE(WIFSIGNALED(status));
  for (auto pid : workers)
    EXPECT_TRUE(eventually([&] { return !daskify::test::is_alive(pid); }, 5s)) << pid;
  EXPECT_TRUE(eventually([&] { return daskify::test::leftovers(base.path()) == before; }, 5s))
      << testing::PrintToString(daskify::test::leftovers(base.path()));
}

INSTANTIATE_TEST_SUITE_P(by_signal, client_that_dies, testing::Values(SIGKILL, SIGTERM, SIGINT),
                         [](const auto& tested) { return "signal_" + std::to_string(tested.param); });

} // namespace
