#include "daskify/scheduler/time_left.hpp"

#include <gtest/gtest.h>

namespace daskify::internal {
namespace {

TEST(time_left, a_task_of_unknown_duration_needs_next_to_nothing) {
  EXPECT_EQ(time_needed(0, 0, for_ever_ns), 1u);
  EXPECT_EQ(time_needed(0, 0, 0), 1u);
}

TEST(time_left, a_task_needs_more_than_those_before_it_took_and_than_it_was_cut_short_after) {
  EXPECT_EQ(time_needed(100, 0, for_ever_ns), 150u);
  EXPECT_EQ(time_needed(100, 200, for_ever_ns), 220u);
}

TEST(time_left, a_task_never_needs_more_than_a_whole_life) {
  EXPECT_EQ(time_needed(1000, 0, 500), 450u);
  EXPECT_EQ(time_needed(0, 1000, 500), 450u);
}

TEST(time_left, a_lease_has_what_ends_in_time_and_at_least_one_task) {
  EXPECT_EQ(tasks_in_time(100, 10, 90), 6u);
  EXPECT_EQ(tasks_in_time(4, 10, 90), 4u);
  EXPECT_EQ(tasks_in_time(100, 10, 3), 1u);
  EXPECT_EQ(tasks_in_time(100, 10, for_ever_ns), 100u);
  EXPECT_EQ(tasks_in_time(100, 0, 5), 100u);
}

} // namespace
} // namespace daskify::internal
