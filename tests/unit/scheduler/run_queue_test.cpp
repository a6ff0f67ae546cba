#include "daskify/scheduler/run_queue.hpp"

#include <gtest/gtest.h>

namespace daskify::internal {
namespace {

constexpr run_id a{1};
constexpr run_id b{2};
constexpr run_id c{3};

TEST(run_queue, serves_in_turn_what_is_moved_to_the_back) {
  run_queue queue;
  queue.push_back(a);
  queue.push_back(b);
  queue.push_front(c);
  EXPECT_EQ(queue.front(), c);
  queue.move_to_back(c);
  EXPECT_EQ(queue.front(), a);
  queue.erase(a);
  EXPECT_EQ(queue.front(), b);
  queue.erase(b);
  EXPECT_EQ(queue.front(), c);
  EXPECT_EQ(queue.size(), 1u);
}

TEST(run_queue, holds_each_run_once_and_in_its_first_place) {
  run_queue queue;
  queue.push_back(a);
  queue.push_back(b);
  queue.push_back(a);
  queue.push_front(b);
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue.front(), a);
  queue.erase(c);
  EXPECT_FALSE(queue.contains(c));
}

} // namespace
} // namespace daskify::internal
