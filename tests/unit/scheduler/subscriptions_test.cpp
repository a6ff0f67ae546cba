#include "daskify/scheduler/subscriptions.hpp"

#include <gmock/gmock.h>

namespace daskify::internal {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr run_id sweep{1};
constexpr run_id other{2};

struct subscriptions_test : testing::Test {
  using key = subscriptions<int>::key;
  static constexpr key first{worker_id{}, 1};
  static constexpr key second{worker_id{7}, 1};
  subscriptions<int> all;

  subscriptions_test() {
    all.add(first, {{{sweep, 0, 10}, {sweep, 20, 5}}, 1, waiter_id{1}});
    all.add(second, {{{sweep, 0, 1}, {other, 0, 1}}, 2, waiter_id{2}});
  }
};

TEST_F(subscriptions_test, report_each_change_once_to_those_that_are_concerned) {
  EXPECT_TRUE(all.changed(other));
  EXPECT_THAT(all.take_changed(), ElementsAre(second));
  EXPECT_THAT(all.take_changed(), IsEmpty());
  EXPECT_TRUE(all.changed(sweep));
  EXPECT_TRUE(all.changed(sweep));
  EXPECT_THAT(all.take_changed(), ElementsAre(first, second));
  EXPECT_FALSE(all.changed(run_id{3}));
}

TEST_F(subscriptions_test, end_by_their_own_wait) {
  EXPECT_EQ(all.ended_by(waiter_id{2}), second);
  auto ended = all.take(second);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->listener, 2);
  EXPECT_FALSE(all.ended_by(waiter_id{2}));
  EXPECT_FALSE(all.take(second));
  EXPECT_FALSE(all.changed(other));
  EXPECT_TRUE(all.changed(sweep)) << "the first one is still there";
}

TEST_F(subscriptions_test, are_found_by_their_client) {
  EXPECT_THAT(all.of(worker_id{7}), ElementsAre(second));
  EXPECT_THAT(all.of(worker_id{8}), IsEmpty());
}

} // namespace
} // namespace daskify::internal
