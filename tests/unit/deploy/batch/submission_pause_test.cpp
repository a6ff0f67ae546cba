#include "daskify/deploy/batch/submission_pause.hpp"

#include <gtest/gtest.h>

namespace daskify::internal {
namespace {

using namespace std::chrono_literals;

struct submission_pause_test : testing::Test {
  submission_pause pause{3, 300s, 1000s};
  submission_pause::time_point now{};

  void fail(std::size_t count) {
    if (pause.starts_failed(count, "broken"))
      pause.begin(now, pause.problem());
  }
  void pass(std::chrono::seconds time) {
    now += time;
    pause.tick(now);
  }
};

TEST_F(submission_pause_test, begins_after_several_failed_starts_in_a_row) {
  fail(2);
  EXPECT_FALSE(pause.is_on());
  pause.start_succeeded();
  fail(2);
  EXPECT_FALSE(pause.is_on()) << "not in a row";
  fail(1);
  EXPECT_TRUE(pause.is_on());
  EXPECT_EQ(pause.length(), 300s);
  EXPECT_EQ(pause.problem(), "broken");
}

TEST_F(submission_pause_test, is_followed_by_one_job_that_is_tried_and_by_a_longer_pause) {
  fail(3);
  pass(299s);
  EXPECT_TRUE(pause.is_on());
  pass(1s);
  EXPECT_FALSE(pause.is_on());
  EXPECT_TRUE(pause.is_probing());
  fail(1);
  EXPECT_TRUE(pause.is_on());
  EXPECT_FALSE(pause.is_probing());
  EXPECT_EQ(pause.length(), 600s);
  pass(600s);
  fail(1);
  EXPECT_EQ(pause.length(), 1000s) << "the longest";
}

TEST_F(submission_pause_test, goes_on_when_a_job_starts_and_ends_without_a_trial) {
  fail(3);
  pause.start_succeeded();
  EXPECT_TRUE(pause.is_on());
  pass(300s);
  EXPECT_FALSE(pause.is_on());
  EXPECT_FALSE(pause.is_probing());
}

TEST_F(submission_pause_test, ends_at_once_when_somebody_has_mended_the_cause) {
  fail(3);
  pause.forget();
  EXPECT_FALSE(pause.is_on());
  EXPECT_EQ(pause.problem(), "");
  fail(2);
  EXPECT_FALSE(pause.is_on());
}

} // namespace
} // namespace daskify::internal
