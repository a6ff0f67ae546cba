#include "daskify/scheduler/worker_wait_list.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace daskify::internal;

namespace {

using waits = worker_wait_list<std::string>;

std::string promises_of(const std::vector<waits::wait>& taken) {
  std::string all;
  for (const auto& w : taken)
    all += w.promise;
  return all;
}

} // namespace

TEST(worker_wait_list, gives_those_up_that_are_over_and_keeps_the_others_in_order) {
  waits list;
  EXPECT_TRUE(list.empty());
  for (auto [count, promise] : {std::pair{3u, "a"}, {1u, "b"}, {2u, "c"}, {4u, "d"}})
    list.add({worker_id{}, count, {}, promise});
  EXPECT_EQ(promises_of(list.take_if([](const auto& w) { return w.count <= 2; })), "bc");
  EXPECT_EQ(promises_of(list.take_if([](const auto& w) { return w.count <= 2; })), "");
  EXPECT_FALSE(list.empty());
  EXPECT_EQ(promises_of(list.take_if([](const auto&) { return true; })), "ad");
  EXPECT_TRUE(list.empty());
}

TEST(worker_wait_list, knows_the_most_that_is_waited_for) {
  waits list;
  EXPECT_EQ(list.largest(), 0u);
  list.add({worker_id{}, 3, {}, "a"});
  list.add({worker_id{}, 2, {}, "b"});
  EXPECT_EQ(list.largest(), 3u);
  list.take_if([](const auto& w) { return w.count == 3; });
  EXPECT_EQ(list.largest(), 2u);
}
