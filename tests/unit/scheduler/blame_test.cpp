#include "daskify/scheduler/blame.hpp"

#include "daskify/defaults.hpp"

#include <gmock/gmock.h>

namespace daskify::internal {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t second = 1'000'000'000;

open_lease lease_of(std::uint64_t first, std::uint64_t count, std::uint64_t reported = 0) {
  open_lease l;
  l.granted = {lease_id{1}, run_id{1}, first, count};
  l.past = {.first = first, .count = count};
  l.reported = reported;
  return l;
}

end_of_worker end_after(std::uint64_t life_ns) {
  end_of_worker end;
  end.begun = true;
  end.walltime_over = true;
  end.longest_life_ns = life_ns;
  return end;
}

TEST(blame, of_a_lease_that_was_reported_whole_is_on_no_task) {
  auto reported = lease_of(0, 5, 5);
  EXPECT_THAT(after_death(reported, true, 2).back, IsEmpty());
  EXPECT_THAT(after_infrastructure_loss(reported, end_after(second), 2).back, IsEmpty());
}

TEST(blame, after_a_death_is_on_all_tasks_that_are_left_in_smaller_leases) {
  auto what = after_death(lease_of(10, 100, 20), true, 2);
  ASSERT_EQ(what.back.size(), 1u);
  EXPECT_EQ(what.back[0].first, 30u);
  EXPECT_EQ(what.back[0].count, 80u);
  EXPECT_EQ(what.back[0].largest, 80 / tuning::lease_growth);
  EXPECT_TRUE(what.back[0].quarantined());
  EXPECT_FALSE(what.lost);
}

TEST(blame, is_on_a_task_that_was_alone_and_is_final_after_its_retries) {
  auto lease = lease_of(7, 1);
  for (std::size_t deaths = 0; deaths < 2; ++deaths) {
    auto what = after_death(lease, true, 2);
    ASSERT_EQ(what.back.size(), 1u);
    EXPECT_EQ(what.back[0].deaths, deaths + 1);
    lease.past = what.back[0];
  }
  auto what = after_death(lease, true, 2);
  EXPECT_THAT(what.back, IsEmpty());
  EXPECT_EQ(what.lost, 7u);
}

TEST(blame, is_on_a_task_with_company_when_that_has_happened_too_often) {
  auto lease = lease_of(7, 1);
  EXPECT_FALSE(after_death(lease, false, 0).back.at(0).quarantined()) << "the first time it goes on as it was";
  lease.past.shared = tuning::deaths_in_company - 2;
  EXPECT_TRUE(after_death(lease, false, 0).back.at(0).quarantined());
  lease.past.shared = tuning::deaths_in_company - 1;
  EXPECT_EQ(after_death(lease, false, 0).lost, 7u);
}

TEST(blame, after_an_infrastructure_loss_is_on_no_task_that_had_not_begun) {
  auto end = end_after(second);
  end.begun = false;
  auto what = after_infrastructure_loss(lease_of(0, 5), end, 2);
  ASSERT_EQ(what.back.size(), 1u);
  EXPECT_EQ(what.back[0].infrastructure_losses, 0u);
  EXPECT_EQ(what.back[0].ran_ns, 0u);
}

TEST(blame, remembers_how_long_the_task_ran_that_was_interrupted) {
  auto lease = lease_of(0, 5);
  lease.time_left_ns = 7 * second;
  auto end = end_after(100 * second);
  auto what = after_infrastructure_loss(lease, end, 2);
  ASSERT_EQ(what.back.size(), 2u);
  EXPECT_EQ(what.back[0].count, 1u);
  EXPECT_EQ(what.back[0].ran_ns, 7 * second);
  EXPECT_EQ(what.back[0].outlived, 0u);
  EXPECT_EQ(what.back[1].first, 1u);
  EXPECT_EQ(what.back[1].ran_ns, 0u);
}

TEST(blame, is_final_for_a_task_that_no_life_of_a_worker_is_enough_for) {
  auto lease = lease_of(0, 2);
  lease.time_left_ns = 100 * second;
  lease.past.outlived = 2;
  auto what = after_infrastructure_loss(lease, end_after(100 * second), 2);
  EXPECT_EQ(what.lost, 0u);
  EXPECT_THAT(what.why, HasSubstr("tried 3 times with all the time of a worker, 1:40, and needs more"));
  ASSERT_EQ(what.back.size(), 1u);
  EXPECT_EQ(what.back[0].first, 1u);
}

} // namespace
} // namespace daskify::internal
