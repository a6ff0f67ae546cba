#include "daskify/progress/staffing_notice.hpp"

#include <gtest/gtest.h>

using namespace daskify::internal;
using namespace std::chrono_literals;

namespace {

struct staffing_notice_test : testing::Test {
  std::string take(staffing there, const std::string& words) { return told.take(now, there, words); }

  staffing_notice told;
  staffing_notice::time_point now{};
};

TEST_F(staffing_notice_test, says_that_nobody_works_once_that_has_lasted) {
  EXPECT_EQ(take(staffing::none, "nobody"), "");
  now += staffing_notice::patience_with_none - 1ms;
  EXPECT_EQ(take(staffing::none, "nobody"), "");
  now += 1ms;
  EXPECT_EQ(take(staffing::none, "nobody"), "nobody");
  now += 1h;
  EXPECT_EQ(take(staffing::none, "nobody"), "") << "it is known";
  EXPECT_EQ(take(staffing::none, "nobody, and why"), "nobody, and why");
}

TEST_F(staffing_notice_test, says_at_once_what_may_have_lasted_for_long) {
  told = staffing_notice{now};
  now += staffing_notice::patience_with_none;
  EXPECT_EQ(take(staffing::none, "nobody"), "nobody");
}

TEST_F(staffing_notice_test, says_that_all_is_well_again_where_the_opposite_was_said) {
  EXPECT_EQ(take(staffing::full, "all"), "");
  take(staffing::none, "nobody");
  EXPECT_EQ(take(staffing::full, "all"), "") << "it was for a moment";
  take(staffing::none, "nobody");
  now += staffing_notice::patience_with_none;
  EXPECT_EQ(take(staffing::none, "nobody"), "nobody");
  EXPECT_EQ(take(staffing::some, "one of two"), "one of two") << "that is good news, too";
  EXPECT_EQ(take(staffing::full, "all"), "all");
  EXPECT_EQ(take(staffing::full, "all and more"), "");
  EXPECT_EQ(take(staffing::none, "nobody"), "") << "it lasts from now on";
  now += staffing_notice::patience_with_none;
  EXPECT_EQ(take(staffing::none, "nobody"), "nobody");
}

TEST_F(staffing_notice_test, says_now_and_then_that_some_are_missing) {
  int count = 0;
  int missing = 0;
  for (auto end = now + 4h; now < end; now += 1s)
    count += !take(staffing::some, std::to_string(++missing) + " missing").empty();
  EXPECT_EQ(count, 12) << "after 10 s, and then after 1, 2, 4, 8, 16, 32, 32 ... minutes";
  EXPECT_EQ(take(staffing::full, "all"), "all");
  now += 1h;
  EXPECT_EQ(take(staffing::some, "1 missing"), "");
  now += staffing_notice::patience_with_some;
  EXPECT_EQ(take(staffing::some, "1 missing"), "1 missing");
  now += 2h;
  EXPECT_EQ(take(staffing::some, "1 missing"), "") << "it is known";
  EXPECT_EQ(take(staffing::none, "nobody"), "");
  now += staffing_notice::patience_with_none;
  EXPECT_EQ(take(staffing::none, "nobody"), "nobody");
}

} // namespace
