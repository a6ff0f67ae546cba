#include "daskify/deploy/batch/query_schedule.hpp"

#include <gmock/gmock.h>

namespace daskify::internal {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

struct query_schedule_test : testing::Test {
  query_schedule queries{{1s, 2s, 30s, 300s}};
  query_schedule::time_point now{};

  /// Time until the next query is due, at most an hour.
  std::chrono::seconds wait() const {
    for (auto time = 0s; time < 3600s; time += 1s)
      if (queries.is_due(now + time))
        return time;
    return 3600s;
  }
  void ask() {
    now += wait();
    queries.begin(now, {"1"});
  }
  void answer(bool changed, bool quiet = false) {
    ASSERT_TRUE(queries.answered());
    queries.answer_done(now, changed, quiet);
  }
};

TEST_F(query_schedule_test, asks_soon_after_a_submission_and_ever_later_while_nothing_changes) {
  EXPECT_EQ(wait(), 3600s);
  queries.submitted(now);
  queries.observe(now, false);
  EXPECT_EQ(wait(), 1s);
  for (auto expected : {2s, 4s, 8s, 16s, 30s, 30s}) {
    ask();
    answer(false);
    EXPECT_EQ(wait(), expected);
  }
  ask();
  answer(true);
  EXPECT_EQ(wait(), 30s) << "a change does not shorten it by itself";
  queries.submitted(now);
  EXPECT_EQ(wait(), 2s) << "but never more often than every 2 s";
}

TEST_F(query_schedule_test, asks_seldom_while_all_is_quiet_and_at_once_when_that_is_urgent) {
  queries.submitted(now);
  ask();
  answer(true, true);
  EXPECT_EQ(wait(), 300s);
  now += 10s;
  queries.urgent(now);
  EXPECT_EQ(wait(), 0s);
}

TEST_F(query_schedule_test, has_one_query_open_and_knows_what_was_asked) {
  queries.submitted(now);
  ask();
  EXPECT_EQ(wait(), 3600s);
  EXPECT_THAT(*queries.answered(), ElementsAre("1"));
  EXPECT_FALSE(queries.answered()) << "only once";
}

TEST_F(query_schedule_test, does_not_ask_more_often_a_system_that_does_not_answer) {
  queries.submitted(now);
  ask();
  EXPECT_TRUE(queries.failed(now, "no connection"));
  EXPECT_TRUE(queries.is_failing());
  EXPECT_EQ(queries.problem(), "no connection");
  EXPECT_EQ(wait(), 2s);
  queries.urgent(now);
  EXPECT_EQ(wait(), 2s);
  EXPECT_FALSE(queries.failed(now, "again")) << "no query is open";
}

TEST_F(query_schedule_test, knows_when_its_last_answer_is_too_old_to_judge_by) {
  EXPECT_FALSE(queries.is_recent(now));
  queries.submitted(now);
  ask();
  answer(true);
  EXPECT_TRUE(queries.is_recent(now + 60s));
  EXPECT_FALSE(queries.is_recent(now + 61s));
}

} // namespace
} // namespace daskify::internal
