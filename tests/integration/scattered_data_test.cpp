/// Scattered data, in shared memory of real worker processes.

#include "daskify/existing_key.hpp"
#include "daskify/os/child_process.hpp"

#include "support/cluster_of_two.hpp"

#include <atomic>
#include <cmath>
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

struct scattered_data : cluster_of_two {};

double weighted(std::span<const double> weights, double x) {
  return weights[0] * x + weights[1];
}

TEST_F(scattered_data, lets_tasks_see_scattered_data_without_a_copy) {
  auto weights = cluster.scatter_data("weights", std::vector<double>{2.0, 1.0});
  auto results = cluster.gather_data(cluster.run(weighted, args(weights), iterables(range(3))));
  EXPECT_THAT(results, testing::ElementsAre(1.0, 3.0, 5.0));
  auto sizes = cluster.gather_data(
      cluster.run([](const std::vector<double>& all, int) { return all.size(); }, args(weights), iterables(range(2))));
  EXPECT_THAT(sizes, testing::ElementsAre(2u, 2u));
  EXPECT_EQ(cluster.gather_data<std::vector<double>>("weights"), (std::vector{2.0, 1.0}));
}

TEST_F(scattered_data, is_listed_in_the_order_in_which_it_came) {
  auto first = cluster.scatter_data("first", 1);
  auto second = cluster.submit([] { return std::string(2'000'000, 'r'); });
  EXPECT_TRUE(second.wait_for(20s));
  auto third = cluster.scatter_data("third", 3);
  std::vector<std::string> keys;
  for (const auto& o : cluster.objects())
    keys.push_back(o.key);
  EXPECT_THAT(keys, testing::ElementsAre("first", "", "third"));
}

TEST_F(scattered_data, loses_only_the_task_that_writes_to_scattered_data) {
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

TEST_F(scattered_data, is_filled_in_place_seen_by_tasks_and_viewed_without_a_copy) {
  auto builder = cluster.new_data<double>(3);
  builder.values()[1] = 2.5;
  auto data = cluster.scatter_data("filled", std::move(builder));
  EXPECT_TRUE(builder.values().empty());
  EXPECT_THROW(cluster.scatter_data(std::move(builder)), daskify::data_error);
  EXPECT_EQ(cluster.submit([](std::span<const double> x) { return x[1]; }, data).get(), 2.5);
  auto view = cluster.view_data(data);
  EXPECT_THAT(view, testing::ElementsAre(0.0, 2.5, 0.0));
  EXPECT_THAT(cluster.view_data<std::vector<double>>("filled"), testing::ElementsAre(0.0, 2.5, 0.0));
  EXPECT_EQ(cluster.gather_data(data), (std::vector{0.0, 2.5, 0.0}));
  double sum = 0;
  for (double x : cluster.view_data(data)) // the view lives as long as the loop
    sum += x;
  EXPECT_EQ(sum, 2.5);
  const auto& element = cluster.view_data(data)[1]; // a copy
  EXPECT_EQ(element, 2.5);
  cluster.shutdown_cluster();
  EXPECT_EQ(view[1], 2.5) << "a view keeps its bytes";
}

TEST_F(scattered_data, is_listed_with_its_size_and_who_holds_it) {
  EXPECT_TRUE(cluster.objects().empty());
  auto one = cluster.scatter_data("one", std::vector<int>(1000));
  {
    auto two = cluster.scatter_data(std::string{"two"});
    auto listed = cluster.objects();
    ASSERT_EQ(listed.size(), 2u);
    EXPECT_EQ(listed[0].key, "one");
    EXPECT_EQ(listed[0].size_bytes, 4000u);
    EXPECT_EQ(listed[0].references, 1u);
    EXPECT_THAT(listed[0].type, HasSubstr("std::vector<int"));
    EXPECT_EQ(listed[1].key, "");
  }
  EXPECT_TRUE(eventually([&] { return cluster.objects().size() == 1; }));
}

TEST_F(scattered_data, is_freed_when_nothing_holds_it_any_more) {
  auto data = cluster.scatter_data("kept by its key", 1);
  auto other = cluster.scatter_data("kept by a run", std::string{"x"});
  auto sizes = cluster.run([](std::string_view s, int) { return s.size(); }, args(other), iterables(range(2)));
  other = cluster.scatter_data(std::string{"another"});
  cluster.release("kept by a run");
  EXPECT_THAT(cluster.gather_data(sizes), testing::ElementsAre(1u, 1u));
  EXPECT_EQ(cluster.objects().size(), 3u);
  cluster.release(sizes);
  sizes = {};
  EXPECT_TRUE(eventually([&] { return cluster.objects().size() == 2; }));
}

TEST_F(scattered_data, is_released_by_its_handle) {
  auto named = cluster.scatter_data("observed", 1);
  auto other = cluster.scatter_data(std::string{"x"});
  auto younger = cluster.scatter_data("observed", 2, daskify::existing_key::replace);
  cluster.release(named);
  EXPECT_EQ(cluster.gather_data<int>("observed"), 2) << "the key of the older data is gone already";
  cluster.release(std::move(younger));
  EXPECT_THROW(cluster.gather_data<int>("observed"), daskify::data_error);
  EXPECT_EQ(cluster.gather_data(named), 1) << "a handle keeps its data";
  cluster.release(std::move(named));
  cluster.release(std::move(other));
  EXPECT_TRUE(eventually([&] { return cluster.objects().empty(); }));
}

TEST_F(scattered_data, refuses_keys_that_are_taken_unknown_or_of_another_type) {
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

/// Sizes around those from which values no longer travel with their task, and from which objects get separate memory.
TEST_F(scattered_data, and_arguments_and_results_of_any_size_arrive_as_they_left) {
  for (std::size_t around : {std::size_t{1} << 16, std::size_t{1} << 20})
    for (std::size_t size = around - 17; size <= around + 17; ++size) {
      std::string text(size, 'x');
      text.front() = 'a';
      text.back() = 'z';
      auto result = cluster.submit([](const std::string& t) { return t; }, text);
      ASSERT_EQ(result.get(), text) << size;
      ASSERT_EQ(cluster.submit([](std::string_view t) { return std::string{t}; }, result).get(), text) << size;
      ASSERT_EQ(cluster.gather_data(cluster.scatter_data(text)), text) << size;
    }
  for (std::size_t size = (1 << 17) - 3; size <= (1 << 17) + 3; ++size) {
    std::vector<double> numbers(size, 1.5);
    numbers.back() = -0.0;
    auto back = cluster.submit([](const std::vector<double>& n) { return n; }, numbers).get();
    ASSERT_EQ(back.size(), size);
    ASSERT_TRUE(std::signbit(back.back()));
    std::vector<std::string> words(size / 8, "word");
    ASSERT_EQ(cluster.submit([](const std::vector<std::string>& w) { return w; }, words).get(), words);
  }
}

TEST_F(scattered_data, of_a_builder_belongs_to_the_start_that_made_it) {
  auto old = cluster.new_data<int>(100'000);
  cluster.shutdown_cluster();
  cluster.start_cluster();
  auto first = cluster.scatter_data(std::string{"a small object of the second start"});
  try {
    cluster.scatter_data(std::move(old));
    FAIL();
  } catch (const daskify::data_error& e) {
    EXPECT_EQ(e.code(), daskify::error_code::foreign_handle);
  }
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(cluster.gather_data(cluster.scatter_data("key", i, daskify::existing_key::replace)), i);
}

TEST_F(scattered_data, lives_as_long_as_a_run_needs_it_whose_future_is_gone) {
  auto slow = cluster.map(
      [](int) {
        std::this_thread::sleep_for(100ms);
        return 0;
      },
      range(4));
  std::vector<daskify::future<double>> sums;
  for (int i = 0; i < 20; ++i) {
    auto data = cluster.scatter_data(std::vector<double>(1000, i));
    std::vector<double> large(200'000, 1.0);
    auto inner = cluster.submit([](const std::vector<double>& a, const std::vector<double>& b) { return a[0] + b[0]; },
                                data, large);
    sums.push_back(cluster.submit([](double x) { return x; }, inner));
  }
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(sums[static_cast<std::size_t>(i)].get(), i + 1.0);
  sums.clear();
  EXPECT_TRUE(eventually([&] { return cluster.objects().empty(); }));
}

TEST_F(scattered_data, of_many_threads_is_there_for_their_tasks) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 150; ++i) {
        for (int k = 0; k < 20; ++k)
          cluster.scatter_data(k);
        auto data = cluster.scatter_data(std::string(static_cast<std::size_t>(t * 200 + i), 'x'));
        wrong += cluster.submit([](std::string_view s) { return s.size(); }, data).get() !=
                 static_cast<std::size_t>(t * 200 + i);
      }
    });
  for (auto& t : threads)
    t.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(scattered_data, is_sealed_although_the_program_forks) {
  std::atomic<bool> over{false};
  std::thread forks{[&] {
    while (!over) {
      auto child = ::fork();
      if (child == 0)
        ::_exit(0);
      ::waitpid(child, nullptr, 0);
    }
  }};
  for (int i = 0; i < 300; ++i) {
    auto room = cluster.new_data<int>(50'000);
    room.values()[7] = i;
    EXPECT_EQ(cluster.view_data(cluster.scatter_data(std::move(room)))[7], i);
  }
  over = true;
  forks.join();
}

struct alignas(256) far_apart {
  int value;
};

TEST_F(scattered_data, of_aligned_elements_stays_aligned) {
  std::vector<far_apart> all(10);
  all[3].value = 4;
  auto data = cluster.scatter_data(all);
  EXPECT_EQ(cluster
                .submit(
                    [](const std::vector<far_apart>& v) {
                      return reinterpret_cast<std::uintptr_t>(v.data()) % alignof(far_apart) == 0 ? v[3].value : -1;
                    },
                    data)
                .get(),
            4);
}

} // namespace
