#include "daskify/progress/notice.hpp"

#include <gtest/gtest.h>

using namespace daskify::internal;
using namespace std::chrono_literals;

namespace {

struct notice : testing::Test {
  std::string take(bool somebody_works, const std::string& words) { return told.take(now, somebody_works, words); }

  idle_notice told;
  idle_notice::time_point now{};
};

TEST_F(notice, says_that_nobody_works_once_that_has_lasted) {
  EXPECT_EQ(take(false, "nobody"), "");
  now += idle_notice::patience - 1ms;
  EXPECT_EQ(take(false, "nobody"), "");
  now += 1ms;
  EXPECT_EQ(take(false, "nobody"), "nobody");
  now += 1h;
  EXPECT_EQ(take(false, "nobody"), "") << "it is known";
  EXPECT_EQ(take(false, "nobody, and why"), "nobody, and why");
}

TEST_F(notice, says_at_once_what_may_have_lasted_for_long) {
  told = idle_notice{now};
  now += idle_notice::patience;
  EXPECT_EQ(take(false, "nobody"), "nobody");
}

TEST_F(notice, says_that_somebody_works_again_where_the_opposite_was_said) {
  EXPECT_EQ(take(true, "one works"), "");
  take(false, "nobody");
  EXPECT_EQ(take(true, "one works"), "") << "it was for a moment";
  take(false, "nobody");
  now += idle_notice::patience;
  EXPECT_EQ(take(false, "nobody"), "nobody");
  EXPECT_EQ(take(true, "one works"), "one works");
  EXPECT_EQ(take(true, "two work"), "");
  EXPECT_EQ(take(false, "nobody"), "") << "it lasts from now on";
  now += idle_notice::patience;
  EXPECT_EQ(take(false, "nobody"), "nobody");
}

} // namespace
