/// Runs on real worker processes: which arguments each call gets, and in which order results arrive.

#include "support/cluster_of_two.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <memory>
#include <set>

namespace {

using namespace std::chrono_literals;
using namespace daskify::test;
using daskify::args;
using daskify::iterables;
using daskify::loops;
using daskify::range;
using testing::HasSubstr;

struct runs : cluster_of_two {};

std::string describe_both(int a, const std::string& b) {
  return std::to_string(a) + b;
}

void nothing() {}

struct greeter {
  std::string greeting;
  std::string operator()(const std::string& name) const { return greeting + name; }
};

TEST_F(runs, runs_a_function_over_a_range) {
  auto futures = cluster.map(square, range(1000));
  auto results = cluster.gather_data(futures);
  ASSERT_EQ(results.size(), 1000u);
  for (int i = 0; i < 1000; ++i)
    ASSERT_EQ(results[static_cast<std::size_t>(i)], i * i);
}

TEST_F(runs, runs_every_combination_with_loops_outermost_and_the_last_iterable_fastest) {
  auto futures = cluster.run([](int a, const std::string& b) { return std::to_string(a) + b; },
                             iterables(range(2), std::vector<std::string>{"x", "y", "z"}), loops(2));
  EXPECT_THAT(cluster.gather_data(futures),
              testing::ElementsAre("0x", "0y", "0z", "1x", "1y", "1z", "0x", "0y", "0z", "1x", "1y", "1z"));
  EXPECT_EQ(futures.combination(5), std::tuple(1, std::string{"z"}));
  EXPECT_EQ(futures.combination(11), std::tuple(1, std::string{"z"}));
  EXPECT_EQ(futures.loop(5), 0u);
  EXPECT_EQ(futures.loop(6), 1u);
}

TEST_F(runs, takes_the_groups_in_any_order_and_none_at_all) {
  auto a = cluster.run(describe_both, iterables(std::vector<std::string>{"b"}), args(7));
  EXPECT_THAT(cluster.gather_data(a), testing::ElementsAre("7b"));
  auto b = cluster.run(nothing, loops(3));
  EXPECT_EQ(cluster.gather_data(b).size(), 3u);
  EXPECT_EQ(cluster.gather_data(cluster.run(nothing)).size(), 1u);
  EXPECT_TRUE(cluster.gather_data(cluster.map(square, std::vector<int>{})).empty());
}

TEST_F(runs, passes_values_bit_exactly) {
  auto odd = std::bit_cast<double>(0x7ff800000000beefULL);
  std::vector<double> values{odd, -0.0, std::numeric_limits<double>::infinity(), 5e-324};
  auto back = cluster.gather_data(cluster.map([](double x) { return x; }, values));
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(std::bit_cast<std::uint64_t>(back[i]), std::bit_cast<std::uint64_t>(values[i]));
}

TEST_F(runs, runs_lambdas_with_captured_numbers_and_structs_with_members_of_any_kind) {
  int step = 5;
  EXPECT_EQ(cluster.submit([step](int x) { return x + step; }, 2).get(), 7);
  EXPECT_EQ(cluster.submit(greeter{"hello "}, std::string{"you"}).get(), "hello you");
}

TEST_F(runs, takes_futures_as_arguments) {
  auto one = cluster.submit(square, 3);
  auto two = cluster.submit([](int a, int b) { return a + b; }, one, 1);
  EXPECT_EQ(two.get(), 10);
  std::vector<daskify::future<int>> many{one, two};
  auto halves = cluster.map([](int x) { return x / 2.0; }, many);
  EXPECT_THAT(cluster.gather_data(halves), testing::ElementsAre(4.5, 5.0));
}

TEST_F(runs, cancels_what_runs_and_what_waits) {
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

TEST_F(runs, gives_every_other_task_its_own_value_when_single_ones_are_cancelled) {
  auto futures = cluster.map(
      [](int x) {
        auto until = std::chrono::steady_clock::now() + 200us;
        while (std::chrono::steady_clock::now() < until) {
        }
        if (x % 50 == 49)
          throw x;
        return x;
      },
      range(3000));
  daskify::wait(futures, 200);
  for (std::size_t i = 0; i < futures.size(); i += 3)
    futures[i].cancel();
  auto kept = cluster.gather_data(futures, daskify::on_error::keep);
  for (std::size_t i = 0; i < kept.size(); ++i)
    if (kept[i])
      EXPECT_EQ(kept[i].value(), static_cast<int>(i));
    else
      EXPECT_TRUE(i % 3 == 0 || i % 50 == 49) << kept[i].message();
}

TEST_F(runs, gives_futures_in_the_order_in_which_they_end) {
  auto gate = temporary_folder{};
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

TEST_F(runs, gives_tasks_their_place_and_a_reproducible_seed) {
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

TEST_F(runs, keeps_what_a_chain_of_tasks_needs) {
  auto last = cluster.submit(square, 0);
  for (int i = 0; i < 2'000; ++i)
    last = cluster.submit([](int x) { return x + 1; }, last);
  EXPECT_EQ(last.get(), 2'000);
}

/// 3 MB, so that a stack has room for one or two.
using large = std::array<double, 375'000>;

TEST_F(runs, takes_and_gives_arrays_that_are_large_for_a_stack) {
  auto value = std::make_unique<large>();
  value->back() = 4;
  auto last = [](const large& x) { return x.back(); };
  EXPECT_EQ(cluster.submit(last, *value).get(), 4);
  EXPECT_EQ(cluster.submit(last, cluster.scatter_data(*value)).get(), 4);
  auto made = cluster.submit([](double x) { return large{x}; }, 5.0);
  EXPECT_EQ(cluster.submit([](const large& x) { return x.front(); }, made).get(), 5);
  EXPECT_EQ(made.get().front(), 5);
}

TEST_F(runs, takes_several_arrays_that_travel_with_their_run) {
  using part = std::array<double, 125'000>;
  part a{1}, b{2};
  auto sum = [a](const part& x, const part& y, const part& z) { return a[0] + x[0] + y[0] + z[0]; };
  EXPECT_EQ(cluster.submit(sum, a, b, b).get(), 6);
}

/// Runs until it is cancelled.
int endless(int x) {
  while (!daskify::this_task::stop_requested()) {
  }
  return x;
}

TEST_F(runs, give_all_results_at_once_and_say_how_far_they_are) {
  auto squares = cluster.map(square, range(4));
  squares.wait();
  EXPECT_TRUE(squares.wait_for(0ms));
  EXPECT_EQ(squares.status().finished, 4u);
  EXPECT_THAT(squares.get(), testing::ElementsAre(0, 1, 4, 9));
  EXPECT_THAT(squares.get(1h), testing::ElementsAre(0, 1, 4, 9));
  EXPECT_EQ(cluster.run(nothing, loops(3)).get().size(), 3u);
  EXPECT_THROW(cluster.map(odd_only, range(4)).get(), daskify::task_error);
  daskify::futures<int> none;
  none.wait();
  EXPECT_TRUE(none.get().empty());
  EXPECT_EQ(none.status().total, 0u);
}

TEST_F(runs, wait_no_longer_than_they_are_told_and_go_on) {
  auto one = cluster.submit(endless, 1);
  auto all = cluster.map(endless, range(2));
  EXPECT_FALSE(one.wait_for(1ms));
  EXPECT_FALSE(all.wait_for(1ms));
  try {
    one.get(1ms);
    FAIL();
  } catch (const daskify::not_ready& e) {
    EXPECT_EQ(e.code(), daskify::error_code::still_running);
    EXPECT_STREQ(e.what(), "The task had not ended when the time limit of get was over; the work goes on: ask again, "
                           "wait longer, or cancel.");
  }
  EXPECT_THROW(all.get(1ms), daskify::not_ready);
  EXPECT_EQ(one.status(), daskify::status::running);
  one.cancel();
  one.wait();
  EXPECT_EQ(one.status(), daskify::status::cancelled);
  EXPECT_THROW(one.get(1h), daskify::cancelled);
  all.cancel();
}

TEST_F(runs, of_single_tasks_are_released_with_their_futures) {
  auto one = cluster.submit(square, 3);
  one.wait();
  cluster.release(one);
  EXPECT_EQ(one.get(), 9) << "a future keeps its run";
  auto all = cluster.map(square, range(3));
  cluster.release(all[1]);
  EXPECT_TRUE(cluster.runs().empty());
  cluster.release(std::move(one));
  EXPECT_THROW(one.get(), daskify::data_error);
}

TEST_F(runs, remembers_runs_until_they_are_released) {
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
  cluster.map(square, range(3));
  cluster.release_all();
  EXPECT_TRUE(cluster.runs().empty());
  EXPECT_THAT(cluster.gather_data(a), testing::ElementsAre(0, 1, 4)) << "futures keep their run";
}

} // namespace
