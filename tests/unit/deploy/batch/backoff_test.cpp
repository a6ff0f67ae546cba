#include "daskify/deploy/batch/backoff.hpp"

#include <gtest/gtest.h>

namespace daskify::internal {
namespace {

using namespace std::chrono_literals;

TEST(backoff, doubles_up_to_its_limit) {
  backoff delays{5s, 18s};
  EXPECT_EQ(delays.next(), 5s);
  EXPECT_EQ(delays.next(), 10s);
  EXPECT_EQ(delays.next(), 18s);
  EXPECT_EQ(delays.next(), 18s);
  delays.reset();
  EXPECT_EQ(delays.next(), 5s);
}

TEST(backoff, is_without_delay_the_first_time_where_that_is_asked_for) {
  backoff delays{10s, 300s, true};
  EXPECT_EQ(delays.next(), 0s);
  EXPECT_EQ(delays.delay(), 10s);
  EXPECT_EQ(delays.next(), 10s);
  EXPECT_EQ(delays.next(), 20s);
  delays.reset();
  EXPECT_EQ(delays.next(), 0s);
}

} // namespace
} // namespace daskify::internal
