#include "daskify/transport/secret.hpp"

#include <gtest/gtest.h>

using namespace daskify::internal;

TEST(random_hex, gives_as_many_bytes_as_asked_for_and_never_the_same) {
  EXPECT_EQ(random_hex(0), "");
  EXPECT_EQ(random_hex(1).size(), 2U);
  EXPECT_EQ(random_hex(33).size(), 66U);
  EXPECT_EQ(random_hex(32).find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(random_hex(32), random_hex(32));
}

TEST(secret, is_told_from_other_words) {
  EXPECT_TRUE(is_secret(random_hex(32)));
  for (auto digits : {random_hex(31), random_hex(33), std::string(64, 'A'), std::string(64, 'g'), std::string{}})
    EXPECT_FALSE(is_secret(digits)) << digits;
}
