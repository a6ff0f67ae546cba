#include "daskify/scheduler/wait_table.hpp"

#include <gmock/gmock.h>

namespace daskify::internal {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr run_id sweep{1};
constexpr run_id other{2};
constexpr waiter_id ann{1};
constexpr waiter_id bob{2};

struct wait_table_test : testing::Test {
  wait_table table;
  void TearDown() override { table.check_invariants(); }
};

TEST_F(wait_table_test, reports_a_wait_when_enough_of_its_tasks_have_ended) {
  table.add(ann, {{sweep, 0, 10}, {other, 0, 5}}, 7);
  EXPECT_THAT(table.ended({sweep, 0, 4}), IsEmpty());
  EXPECT_THAT(table.ended({sweep, 10, 90}), IsEmpty()) << "other tasks";
  EXPECT_THAT(table.ended({other, 0, 2}), IsEmpty());
  EXPECT_THAT(table.ended({sweep, 4, 1}), ElementsAre(ann));
  EXPECT_THAT(table.ended({other, 2, 3}), IsEmpty()) << "once";
}

TEST_F(wait_table_test, reports_waits_in_the_order_in_which_they_began) {
  table.add(bob, {{sweep, 3, 1}}, 1);
  table.add(ann, {{sweep, 3, 1}, {sweep, 5, 1}}, 1);
  EXPECT_THAT(table.ended({sweep, 0, 10}), ElementsAre(bob, ann));
}

TEST_F(wait_table_test, reports_no_wait_that_was_stopped) {
  table.add(ann, {{sweep, 0, 1}, {other, 0, 1}}, 2);
  table.stop(ann);
  table.stop(bob);
  EXPECT_THAT(table.ended({sweep, 0, 1}), IsEmpty());
  EXPECT_THAT(table.ended({other, 0, 1}), IsEmpty());
}

TEST_F(wait_table_test, knows_nothing_of_a_run_that_it_was_to_forget) {
  table.add(ann, {{sweep, 0, 1}, {other, 0, 1}}, 1);
  table.forget(sweep);
  EXPECT_THAT(table.ended({sweep, 0, 1}), IsEmpty());
  EXPECT_THAT(table.ended({other, 0, 1}), ElementsAre(ann));
}

} // namespace
} // namespace daskify::internal
