/// Tasks that submit tasks, on real worker processes.

#include "support/cluster_of_two.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <thread>

namespace {

using namespace std::chrono_literals;
using namespace daskify::test;
using daskify::args;
using daskify::iterables;
using daskify::loops;
using daskify::range;
using testing::HasSubstr;

struct tasks_of_tasks : cluster_of_two {};

/// Waits for a task that waits for a task, n deep.
int chain(int n) {
  return n == 0 ? 0 : 1 + daskify::this_task::submit(chain, n - 1).get();
}

/// Each call except the innermost submits two more calls and waits for them.
int fibonacci(int n) {
  if (n < 2)
    return n;
  auto a = daskify::this_task::submit(fibonacci, n - 1);
  auto b = daskify::this_task::submit(fibonacci, n - 2);
  return a.get() + b.get();
}

TEST_F(tasks_of_tasks, lets_tasks_submit_tasks_and_wait_for_them) {
  EXPECT_EQ(cluster.submit(fibonacci, 16).get(), 987);
  auto sums = cluster.map(
      [](int n) {
        auto squares = daskify::this_task::run(square, iterables(range(n)), loops(2));
        auto all = daskify::this_task::gather_data(squares);
        return std::accumulate(all.begin(), all.end(), 0);
      },
      range(5));
  EXPECT_THAT(cluster.gather_data(sums), testing::ElementsAre(0, 0, 2, 10, 28));
}

TEST_F(tasks_of_tasks, runs_a_task_while_another_waits_but_never_two_at_a_time) {
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
    for (const auto& f : daskify::as_completed(all)) { // continues at each future, among the other tasks
      last = f.get();
      most = std::max(most.load(), ++inside);
      --inside;
    }
    return std::pair{most.load(), last == ::getpid()};
  });
  EXPECT_EQ(result.get(), std::pair(1, true));
}

TEST_F(tasks_of_tasks, gives_nested_tasks_seeds_that_do_not_depend_on_the_worker) {
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

TEST_F(tasks_of_tasks, tells_a_task_what_became_of_its_own_tasks) {
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

TEST_F(tasks_of_tasks, ends_the_tasks_of_a_task_that_is_cancelled) {
  auto endless = [](int) {
    while (!daskify::this_task::stop_requested()) {
    }
    return 0;
  };
  auto one = make({.size = 1}); // its worker runs both at the same time
  one.start_cluster();
  auto outer = one.submit([endless] { return daskify::this_task::submit(endless, 1).get(); });
  ASSERT_TRUE(eventually([&] { return one.workers().at(0).running == 2; }));
  outer.cancel();
  EXPECT_TRUE(eventually([&] { return one.workers().at(0).running == 0; }));
  EXPECT_EQ(one.submit(square, 3).get(), 9);
}

TEST_F(tasks_of_tasks, runs_a_task_again_with_all_it_had_submitted_when_its_worker_dies) {
  temporary_folder folder;
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

TEST_F(tasks_of_tasks, loses_a_task_that_always_kills_its_worker_while_it_waits) {
  auto deadly = cluster.submit([] {
    auto inner = daskify::this_task::submit([] { std::raise(SIGKILL); });
    inner.get();
    return 1;
  });
  EXPECT_ANY_THROW(deadly.get());
  EXPECT_EQ(cluster.submit(square, 3).get(), 9);
}

TEST_F(tasks_of_tasks, says_so_when_too_many_tasks_of_a_worker_wait) {
  auto deep = cluster.submit(chain, 2000);
  try {
    deep.get();
    FAIL();
  } catch (const daskify::task_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("More than 256 tasks of one worker would wait"));
  }
}

TEST_F(tasks_of_tasks, refuses_to_wait_on_a_thread_that_the_task_has_made) {
  auto told = cluster.submit([] {
    auto inner = daskify::this_task::submit(square, 2);
    std::string text;
    std::thread{[&] {
      try {
        inner.get();
      } catch (const daskify::task_error& e) {
        text = e.what();
      }
    }}.join();
    return text;
  });
  EXPECT_THAT(told.get(), HasSubstr("wait on the thread that the task was started on"));
}

TEST(this_task, refuses_to_submit_outside_of_a_task) {
  try {
    static_cast<void>(daskify::this_task::submit(square, 1));
    FAIL();
  } catch (const daskify::task_error& e) {
    EXPECT_EQ(e.code(), daskify::error_code::not_in_a_task);
  }
}

TEST_F(tasks_of_tasks, leaves_no_data_of_tasks_whose_worker_died_while_they_submitted) {
  auto hasty = make({.size = 2, .retries = 0});
  hasty.start_cluster();
  for (int i = 0; i < 12; ++i) {
    auto task = hasty.submit(
        [](int n) {
          std::vector<char> large(2 << 20, static_cast<char>(n));
          auto inner = daskify::this_task::submit([](const std::vector<char>& v) { return v.size(); }, large);
          // The submission is somewhere between the worker, the node's store, the directory and the scheduler.
          auto until = std::chrono::steady_clock::now() + n * 20us;
          while (std::chrono::steady_clock::now() < until) {
          }
          ::kill(::getpid(), SIGKILL);
        },
        i);
    EXPECT_THROW(task.get(), daskify::worker_lost);
  }
  EXPECT_TRUE(eventually([&] { return hasty.objects().empty(); }));
}

} // namespace
