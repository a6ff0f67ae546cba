#include "daskify/worker/worker_core.hpp"

#include <gtest/gtest.h>

namespace daskify::internal {
namespace {

using namespace std::chrono_literals;

constexpr worker_core::time_point now{1000s};
constexpr run_id run{1};

TEST(worker_core, hands_a_lease_out_in_chunks_without_gap_or_overlap) {
  worker_core core{1};
  core.add({lease_id{1}, run, 10, 7});
  ASSERT_TRUE(core.take(0));
  EXPECT_EQ(core.next_chunk(0, 3, now).first, 10u);
  EXPECT_EQ(core.next_chunk(0, 3, now).first, 13u);
  auto rest = core.next_chunk(0, 3, now);
  EXPECT_EQ(rest.first, 16u);
  EXPECT_EQ(rest.count, 1u);
  EXPECT_EQ(core.next_chunk(0, 3, now).count, 0u);
  core.done(0);
  EXPECT_TRUE(core.idle());
}

TEST(worker_core, gives_back_nothing_while_a_thread_is_free_or_quick) {
  worker_core core{2};
  core.add({lease_id{1}, run, 0, 10});
  core.add({lease_id{2}, run, 10, 10});
  ASSERT_TRUE(core.take(0));
  core.next_chunk(0, 1, now);
  EXPECT_TRUE(core.give_back(now + 1s).empty()) << "the second thread can take what waits";
  ASSERT_TRUE(core.take(1));
  core.next_chunk(1, 1, now + 1s);
  EXPECT_TRUE(core.give_back(now + 500ms).empty()) << "the second thread is quick";
}

TEST(worker_core, keeps_the_lease_of_a_start_call_which_no_other_worker_can_take) {
  worker_core core{1};
  core.add({lease_id{1}, run, 0, 10});
  core.add({lease_of_start_call(1), run_id{2}, 0, 1});
  core.add({lease_id{2}, run, 10, 10});
  ASSERT_TRUE(core.take(0));
  core.next_chunk(0, 2, now);
  auto back = core.give_back_all();
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[0].lease, lease_id{1});
  EXPECT_EQ(back[1].lease, lease_id{2});
  core.next_chunk(0, 2, now);
  core.done(0);
  ASSERT_TRUE(core.take(0));
  EXPECT_EQ(core.next_chunk(0, 2, now).lease, lease_of_start_call(1));
}

TEST(worker_core, gives_back_what_waits_behind_slow_tasks_once) {
  worker_core core{1};
  core.add({lease_id{1}, run, 0, 10});
  core.add({lease_id{2}, run, 10, 10});
  ASSERT_TRUE(core.take(0));
  core.next_chunk(0, 2, now);
  auto back = core.give_back(now + 1s);
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[0].first, 2u);
  EXPECT_EQ(back[0].count, 8u);
  EXPECT_FALSE(back[0].closed);
  EXPECT_EQ(back[1].first, 10u);
  EXPECT_TRUE(back[1].closed);
  EXPECT_TRUE(core.give_back(now + 1s).empty());
  EXPECT_EQ(core.next_chunk(0, 2, now).count, 0u);
}

TEST(worker_core, skips_cancelled_tasks_and_stops_the_running_one) {
  worker_core core{1};
  core.add({lease_id{1}, run, 0, 10});
  ASSERT_TRUE(core.take(0));
  core.next_chunk(0, 1, now);
  EXPECT_FALSE(core.stop_flag(0));
  core.cancel({run, 0, 3});
  EXPECT_TRUE(core.stop_flag(0));
  auto skipped = core.next_chunk(0, 5, now);
  EXPECT_TRUE(skipped.cancelled);
  EXPECT_EQ(skipped.first, 1u);
  EXPECT_EQ(skipped.count, 2u);
  auto next = core.next_chunk(0, 5, now);
  EXPECT_FALSE(next.cancelled);
  EXPECT_EQ(next.first, 3u);
  EXPECT_FALSE(core.stop_flag(0));
}

TEST(worker_core, begins_nothing_after_stop_all) {
  worker_core core{1};
  core.add({lease_id{1}, run, 0, 10});
  core.add({lease_id{2}, run, 10, 10});
  ASSERT_TRUE(core.take(0));
  core.next_chunk(0, 1, now);
  core.stop_all();
  EXPECT_TRUE(core.stop_flag(0));
  EXPECT_EQ(core.next_chunk(0, 1, now).count, 0u);
  EXPECT_FALSE(core.take(0));
}

TEST(worker_core, leaves_the_turn_of_a_waiting_task_to_another_and_takes_it_back_first) {
  worker_core core{1};
  core.add({lease_id{1}, run, 0, 1});
  core.add({lease_id{2}, run_id{2}, 0, 1});
  core.add({lease_id{3}, run_id{3}, 0, 1});
  ASSERT_TRUE(core.take(0));
  core.next_chunk(0, 1, now);
  EXPECT_FALSE(core.has_idle_thread());
  auto spare = core.add_thread();
  EXPECT_FALSE(core.take(spare)) << "there is one turn, and it is taken";
  core.begin_wait(0);
  EXPECT_EQ(core.waiting_threads(), 1u);
  ASSERT_TRUE(core.take(spare));
  core.want_turn();
  EXPECT_FALSE(core.end_wait(0));
  core.done(spare);
  EXPECT_FALSE(core.take(spare)) << "who waited comes first";
  EXPECT_TRUE(core.end_wait(0));
  core.done(0);
  EXPECT_TRUE(core.take(spare));
}

TEST(worker_core, gives_back_all_that_is_not_begun_when_asked_to) {
  worker_core core{2};
  core.add({lease_id{1}, run, 0, 10});
  core.add({lease_id{2}, run, 10, 1});
  core.add({lease_id{3}, run, 11, 5});
  ASSERT_TRUE(core.take(0));
  ASSERT_TRUE(core.take(1));
  core.next_chunk(0, 4, now);
  core.next_chunk(1, 4, now);
  auto back = core.give_back_all();
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[0].lease, lease_id{1});
  EXPECT_EQ(back[0].first, 4u);
  EXPECT_EQ(back[0].count, 6u);
  EXPECT_FALSE(back[0].closed);
  EXPECT_EQ(back[1].lease, lease_id{3});
  EXPECT_EQ(back[1].count, 5u);
  EXPECT_TRUE(back[1].closed);
  EXPECT_TRUE(core.give_back_all().empty());
  EXPECT_EQ(core.next_chunk(0, 4, now).count, 0u);
}

TEST(worker_core, gives_back_what_is_behind_a_waiting_task_in_its_lease) {
  worker_core core{1};
  core.add({lease_id{1}, run, 0, 10});
  ASSERT_TRUE(core.take(0));
  core.next_chunk(0, 1, now);
  core.begin_wait(0);
  auto back = core.give_back(now - 1s);
  ASSERT_EQ(back.size(), 1u);
  EXPECT_EQ(back[0].first, 1u);
  EXPECT_EQ(back[0].count, 9u);
  EXPECT_FALSE(back[0].closed);
}

TEST(worker_core, stops_only_the_task_that_was_cancelled) {
  worker_core core{1};
  core.add({lease_id{1}, run, 0, 10});
  ASSERT_TRUE(core.take(0));
  core.next_chunk(0, 10, now);
  core.cancel({run, 4, 2});
  EXPECT_TRUE(core.stop_flag(0));
  EXPECT_FALSE(core.is_stopped(0, 3));
  EXPECT_TRUE(core.is_stopped(0, 5));
  EXPECT_FALSE(core.is_stopped(0, 6));
}

} // namespace
} // namespace daskify::internal
