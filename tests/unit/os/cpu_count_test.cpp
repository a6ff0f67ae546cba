#include "daskify/os/cpu_count.hpp"

#include <gtest/gtest.h>
#include <limits>
#include <sched.h>
#include <thread>

using namespace daskify::internal;

TEST(cpu_count, rounds_a_quota_down_but_never_to_zero) {
  EXPECT_EQ(parse_cpu_max("400000 100000\n"), 4U);
  EXPECT_EQ(parse_cpu_max("399999 100000\n"), 3U);
  EXPECT_EQ(parse_cpu_max("20000 100000\n"), 1U);
  EXPECT_EQ(parse_cpu_max("0 100000\n"), 1U);
  EXPECT_EQ(parse_cpu_max("18446744073709551615 1"), std::numeric_limits<unsigned>::max());
  EXPECT_EQ(parse_cfs_quota("250000\n", "100000\n"), 2U);
  EXPECT_EQ(parse_cfs_quota("1000\n", "100000\n"), 1U);
}

TEST(cpu_count, takes_no_quota_for_no_limit) {
  EXPECT_EQ(parse_cpu_max("max 100000\n"), std::nullopt);
  EXPECT_EQ(parse_cfs_quota("-1\n", "100000\n"), std::nullopt);
}

TEST(cpu_count, ignores_texts_that_are_no_quota) {
  for (auto text : {"", "\n", "100000", "100000 0", "100000 x", "1e5 100000", "100000 100000 7", "max", "-5 100",
                    "99999999999999999999 1"})
    EXPECT_EQ(parse_cpu_max(text), std::nullopt) << text;
  EXPECT_EQ(parse_cfs_quota("", ""), std::nullopt);
  EXPECT_EQ(parse_cfs_quota("100000", ""), std::nullopt);
  EXPECT_EQ(parse_cfs_quota("100000", "0"), std::nullopt);
}

TEST(cpu_count, is_no_more_than_the_affinity_of_the_calling_thread) {
  EXPECT_GE(allowed_cpus(), 1U);
  unsigned pinned = 0;
  std::thread{[&] {
    cpu_set_t allowed;
    ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
    int first = 0;
    while (!CPU_ISSET(first, &allowed))
      ++first;
    CPU_ZERO(&allowed);
    CPU_SET(first, &allowed);
    ASSERT_EQ(::sched_setaffinity(0, sizeof allowed, &allowed), 0);
    pinned = allowed_cpus();
  }}.join();
  EXPECT_EQ(pinned, 1U);
}
