#include "daskify/text/byte_count.hpp"

#include <cstdint>
#include <gtest/gtest.h>
#include <limits>

using namespace daskify::internal;

namespace {

TEST(byte_count, writes_sizes_for_people) {
  EXPECT_EQ(format_bytes(0), "0 bytes");
  EXPECT_EQ(format_bytes(1), "1 byte");
  EXPECT_EQ(format_bytes(1023), "1023 bytes");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(std::uint64_t{12} << 30), "12.0 GiB");
  EXPECT_EQ(format_bytes(std::numeric_limits<std::uint64_t>::max()), "16.0 EiB");
}

} // namespace
