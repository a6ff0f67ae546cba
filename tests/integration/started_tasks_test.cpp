/// start(f, values...): tasks that run without a future; and runs whose futures are dropped.

#include "support/cluster_of_two.hpp"
#include "support/standing_cluster.hpp"

#include <algorithm>
#include <fstream>
#include <string>
#include <unistd.h>

/// Not static, so that messages can name it.
[[noreturn]] void fail_for(const std::string& why) {
  throw std::runtime_error{why};
}

namespace {

using namespace std::chrono_literals;
using namespace daskify::test;
using daskify::range;
using testing::AllOf;
using testing::HasSubstr;

void touch(const std::string& file) {
  std::ofstream{file} << "done";
}

/// Captures what this process writes to stderr.
struct caught_stderr {
  caught_stderr() { testing::internal::CaptureStderr(); }
  ~caught_stderr() {
    if (!taken_)
      testing::internal::GetCapturedStderr();
  }
  std::string text() {
    taken_ = true;
    return testing::internal::GetCapturedStderr();
  }

private:
  bool taken_ = false;
};

struct started : cluster_of_two {
  std::string file(int n) const { return (base.path() / ("file" + std::to_string(n))).string(); }
  bool eventually_there(int n) const {
    return eventually([&] { return std::filesystem::exists(file(n)); });
  }
  void remove(int n) const { std::filesystem::remove(file(n)); }
};

/// Waits until all tasks submitted before have ended, and the scheduler knows that.
bool eventually_idle(const daskify::daskified& cluster) {
  return eventually([&] {
    auto workers = cluster.workers();
    return std::ranges::none_of(workers, [](const auto& worker) { return worker.busy; });
  });
}

TEST_F(started, run_though_nobody_keeps_a_future) {
  for (int i = 0; i < 20; ++i)
    cluster.start(touch, file(i));
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(eventually_there(i));
    remove(i);
  }
}

TEST_F(started, that_fail_are_told_of_on_stderr_with_the_cause) {
  caught_stderr caught;
  cluster.start(fail_for, "the disk is full");
  EXPECT_TRUE(eventually_idle(cluster));
  cluster.shutdown_cluster(); // writes the notices known by then
  EXPECT_THAT(caught.text(), AllOf(HasSubstr("daskify: The started task of "), HasSubstr("fail_for"),
                                   HasSubstr("threw std::runtime_error: the disk is full")));
}

TEST_F(started, that_have_not_ended_at_the_shutdown_are_counted) {
  caught_stderr caught;
  for (int i = 0; i < 3; ++i)
    cluster.start([] {
      while (!daskify::this_task::stop_requested())
        std::this_thread::sleep_for(1ms);
    });
  cluster.shutdown_cluster();
  EXPECT_THAT(caught.text(),
              HasSubstr("daskify: 3 started tasks had not ended when shutdown_cluster was called, and were cancelled"));
}

TEST_F(started, that_have_ended_are_not_counted_at_the_shutdown) {
  caught_stderr caught;
  cluster.start(touch, file(0));
  EXPECT_TRUE(eventually_there(0));
  remove(0);
  EXPECT_TRUE(eventually_idle(cluster));
  cluster.shutdown_cluster();
  EXPECT_EQ(caught.text(), "");
}

TEST_F(started, take_data_and_futures_as_arguments) {
  auto data = std::optional{cluster.scatter_data(file(0))};
  auto number = std::optional{cluster.submit(square, 3)};
  cluster.start([](const std::string& path, int n) { std::ofstream{path} << n; }, *data, *number);
  data.reset();
  number.reset(); // the started task holds both
  EXPECT_TRUE(eventually([&] {
    std::string text;
    std::getline(std::ifstream{file(0)}, text);
    return text == "9";
  }));
  remove(0);
}

TEST_F(started, in_great_number_leave_nothing_behind) {
  for (int i = 0; i < 5000; ++i)
    cluster.start(square, i);
  EXPECT_EQ(cluster.gather_data(cluster.map(square, range(10))).size(), 10u);
  EXPECT_TRUE(cluster.objects().empty());
}

TEST_F(started, is_what_an_earlier_run_is_too_that_nobody_holds) {
  cluster.map(touch, std::vector<std::string>{file(0), file(1), file(2)});
  cluster.run(square, daskify::iterables(range(3)));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(eventually_there(i));
    remove(i);
  }
}

struct started_on_standing_cluster : standing_cluster {};

TEST_F(started_on_standing_cluster, fail_with_a_notice_in_their_program) {
  start_scheduler();
  auto workers = start_workers(1);
  auto one = client();
  one.start_cluster();
  caught_stderr caught;
  one.start(fail_for, "no such table");
  EXPECT_TRUE(eventually_idle(one));
  one.shutdown_cluster();
  EXPECT_THAT(caught.text(), HasSubstr("threw std::runtime_error: no such table"));
}

} // namespace
