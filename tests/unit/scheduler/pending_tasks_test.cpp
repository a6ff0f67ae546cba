#include "daskify/scheduler/pending_tasks.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace daskify::internal {
namespace {

std::set<std::uint64_t> tasks_in(const pending_tasks& pending) {
  std::set<std::uint64_t> tasks;
  for (const auto& p : pending.all())
    for (auto i = p.first; i < p.end(); ++i)
      EXPECT_TRUE(tasks.insert(i).second) << "task " << i << " is there twice";
  return tasks;
}

TEST(pending_tasks, are_taken_in_their_order_and_keep_their_past) {
  pending_tasks pending;
  pending.add({10, 5});
  pending.add({0, 4});
  pending.add({20, 1, 1, 2, 3});
  EXPECT_EQ(pending.take(piece_kind::fresh, 3).first, 0u);
  EXPECT_EQ(pending.first(piece_kind::fresh).first, 3u);
  EXPECT_EQ(pending.take(piece_kind::fresh, 1).first, 3u);
  EXPECT_EQ(pending.take(piece_kind::fresh, 5).first, 10u);
  EXPECT_FALSE(pending.any(piece_kind::fresh));
  auto quarantined = pending.take(piece_kind::quarantined, 1);
  EXPECT_EQ(quarantined.deaths, 2u);
  EXPECT_EQ(quarantined.shared, 3u);
  EXPECT_FALSE(pending.any(piece_kind::quarantined));
}

TEST(pending_tasks, split_a_piece_where_its_middle_is_dropped) {
  pending_tasks pending;
  pending.add({0, 10, 4, 1});
  EXPECT_EQ(pending.drop(3, 5), 2u);
  EXPECT_EQ(tasks_in(pending), (std::set<std::uint64_t>{0, 1, 2, 5, 6, 7, 8, 9}));
  for (const auto& p : pending.all())
    EXPECT_EQ(p.largest, 4u);
  EXPECT_EQ(pending.drop(0, 100), 8u);
  EXPECT_TRUE(pending.all().empty());
}

TEST(pending_tasks, keep_those_cut_short_apart_from_fresh_ones) {
  pending_tasks pending;
  pending.add({0, 10});
  piece cut{4, 1};
  cut.ran_ns = 7;
  pending.drop(4, 5);
  pending.add(cut);
  EXPECT_EQ(pending.first(piece_kind::fresh).count, 4u);
  EXPECT_EQ(pending.take(piece_kind::interrupted, 1).first, 4u);
  EXPECT_FALSE(pending.any(piece_kind::interrupted));
  pending.add(cut);
  EXPECT_EQ(pending.drop(0, 10), 10u);
}

TEST(pending_tasks, hold_what_a_plain_set_would_hold) {
  std::mt19937 random{7};
  pending_tasks pending;
  std::set<std::uint64_t> expected;
  pending.add({0, 500});
  for (std::uint64_t i = 0; i < 500; ++i)
    expected.insert(i);
  for (int step = 0; step < 2000; ++step) {
    auto first = random() % 500;
    auto last = first + random() % 20;
    if (random() % 2 == 0) {
      std::uint64_t dropped = 0;
      for (auto i = first; i < last; ++i)
        dropped += expected.erase(i);
      EXPECT_EQ(pending.drop(first, last), dropped);
    } else if (expected.insert(first).second) {
      pending.add({first, 1, random() % 2});
    }
    ASSERT_EQ(tasks_in(pending), expected);
  }
}

} // namespace
} // namespace daskify::internal
