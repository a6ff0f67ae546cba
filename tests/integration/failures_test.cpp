/// Tasks that throw and workers that die: nothing else is lost, and the cause is reported.

#include "daskify/os/child_process.hpp"

#include "support/cluster_of_two.hpp"
#include "support/program_with.hpp"

#include <csignal>
#include <cstdio>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using namespace daskify::test;
using daskify::args;
using daskify::iterables;
using daskify::loops;
using daskify::range;
using testing::HasSubstr;

struct failures : cluster_of_two {};

TEST_F(failures, tells_what_a_task_threw_and_lets_the_others_go_on) {
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

TEST_F(failures, tells_what_a_failed_task_had_printed) {
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

TEST(log_directory_of_two_clusters, keeps_what_their_tasks_printed_apart) {
  temporary_folder logs;
  daskify::options with{.size = 1, .log_directory = logs.path().string(), .progress = daskify::progress_style::off};
  auto one = program_with(with);
  auto two = program_with(with);
  one.start_cluster();
  two.start_cluster();
  auto talks = [](int x) -> int {
    std::cout << "this is " << x << std::endl;
    throw x;
  };
  for (int round = 0; round < 3; ++round) {
    auto of_one = one.submit(talks, 1);
    auto of_two = two.submit(talks, 2);
    for (auto [future, own] : {std::pair{&of_one, "this is 1"}, std::pair{&of_two, "this is 2"}})
      try {
        future->get();
        FAIL();
      } catch (const daskify::task_error& e) {
        EXPECT_EQ(e.details().output, own);
      }
  }
  one.shutdown_cluster();
  two.shutdown_cluster();
  EXPECT_EQ(entries(logs.path(), "").size(), 2u) << "both are kept";
}

TEST_F(failures, loses_a_task_that_kills_its_worker_and_finishes_the_rest) {
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

TEST_F(failures, shows_the_last_words_of_the_task_that_killed_its_worker_and_of_no_other) {
  auto speaks = [](int x) {
    std::printf("task %d speaks\n", x);
    if (x == 3)
      std::raise(SIGKILL);
    return x;
  };
  auto kept = cluster.gather_data(cluster.map(speaks, range(6)), daskify::on_error::keep);
  EXPECT_THAT(kept[3].message(), testing::EndsWith("last output: task 3 speaks"));
}

/// Cannot be decoded from its bytes in the client.
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

TEST_F(failures, tells_of_a_result_that_cannot_be_decoded_as_of_a_failed_task) {
  is_client = true;
  auto futures = cluster.map([](int x) { return picky{x}; }, range(3));
  auto kept = cluster.gather_data(futures, daskify::on_error::keep);
  is_client = false;
  EXPECT_EQ(kept[1].code(), daskify::error_code::not_decodable);
  EXPECT_THAT(kept[1].message(), HasSubstr("std::domain_error: one is refused"));
  EXPECT_EQ(kept[2].value().value, 2);
}

TEST_F(failures, loses_a_task_that_ends_its_thread) {
  auto ends = cluster.submit([] { ::pthread_exit(nullptr); });
  EXPECT_THROW(ends.get(), daskify::worker_lost);
  EXPECT_EQ(cluster.submit(square, 3).get(), 9);
}

TEST_F(failures, gives_one_result_of_a_task_that_returns_twice_by_forking) {
  auto forked = cluster.submit([] {
    auto child = ::fork();
    if (child != 0)
      ::waitpid(child, nullptr, 0);
    return 7;
  });
  EXPECT_EQ(forked.get(), 7);
}

TEST_F(failures, names_the_combination_so_that_it_can_be_called_again) {
  auto bad = cluster.run([](bool, double, std::uint8_t, const std::string&) -> int { throw 1; },
                         iterables(std::vector{true}, std::vector{0.1 + 0.2}, std::vector<std::uint8_t>{7},
                                   std::vector<std::string>{"\x1b[2J"}));
  try {
    cluster.gather_data(bad);
    FAIL();
  } catch (const daskify::task_error& e) {
    EXPECT_EQ(e.details().combination, "true, 0.30000000000000004, 7, ?[2J");
  }
}

TEST_F(failures, loses_no_result_when_a_worker_is_killed) {
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

TEST_F(failures, survives_the_death_of_all_workers) {
  for (const auto& w : cluster.workers())
    ::kill(w.pid, SIGKILL);
  EXPECT_EQ(cluster.submit(square, 4).get(), 16);
}

} // namespace
