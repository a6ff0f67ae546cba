#include "daskify/deploy/batch/start_deadline.hpp"

#include <gtest/gtest.h>

using namespace daskify::internal;
using namespace std::chrono_literals;

namespace {

constexpr start_deadline::time_point begin{};

settings with(bool accept_fewer) {
  settings options;
  options.start_timeout = 1min;
  options.queue_timeout = 24h;
  options.accept_fewer = accept_fewer;
  return options;
}

} // namespace

TEST(start_deadline, is_that_of_the_start_where_no_job_is_queued) {
  start_deadline deadline{with(false), begin};
  EXPECT_EQ(deadline.when(0, 0, begin), begin + 1min);
  EXPECT_EQ(deadline.when(0, 1, begin + 30s), begin + 1min) << "one that is ready gives the others no more time";
}

TEST(start_deadline, is_that_of_the_queue_while_jobs_are_in_it) {
  start_deadline deadline{with(false), begin};
  EXPECT_EQ(deadline.when(2, 0, begin + 2s), begin + 24h + 1min);
  EXPECT_EQ(deadline.when(1, 1, begin + 2h), begin + 24h + 1min);
}

TEST(start_deadline, gives_jobs_that_leave_the_queue_all_the_time_of_a_start) {
  start_deadline deadline{with(false), begin};
  deadline.when(2, 0, begin + 2s);
  EXPECT_EQ(deadline.when(0, 0, begin + 5h), begin + 5h + 1min) << "nothing has changed for hours";
  EXPECT_EQ(deadline.when(0, 1, begin + 5h + 30s), begin + 5h + 1min);
  deadline.when(1, 1, begin + 6h); // requeued
  EXPECT_EQ(deadline.when(0, 1, begin + 7h), begin + 7h + 1min);
}

TEST(start_deadline, is_never_later_than_that_of_the_queue) {
  start_deadline deadline{with(false), begin};
  deadline.when(2, 0, begin + 2s);
  EXPECT_EQ(deadline.when(0, 0, begin + 24h + 30s), begin + 24h + 1min);
}

TEST(start_deadline, is_that_of_the_start_once_some_are_ready_where_fewer_are_accepted) {
  start_deadline deadline{with(true), begin};
  EXPECT_EQ(deadline.when(2, 0, begin + 2s), begin + 24h + 1min) << "none is not enough";
  EXPECT_EQ(deadline.when(1, 1, begin + 3h), begin + 1min);
}
