#include "daskify/options.hpp"

#include "daskify/version.hpp"

#include <cstdint>
#include <gtest/gtest.h>
#include <string>

namespace {

using namespace daskify;

TEST(byte_literals, are_of_1000_or_of_1024) {
  static_assert(50_GB == 50'000'000'000);
  EXPECT_EQ(1_KB, 1'000);
  EXPECT_EQ(3_MB, 3'000'000);
  EXPECT_EQ(2_TB, 2'000'000'000'000);
  EXPECT_EQ(1_KiB, 1'024);
  EXPECT_EQ(16_MiB, 16'777'216);
  EXPECT_EQ(1_GiB, std::int64_t{1} << 30);
  EXPECT_EQ(1_TiB, std::int64_t{1} << 40);
  options with{.memory = 2_GB, .store_limit = 1_GiB};
  EXPECT_EQ(*with.memory, 2'000'000'000);
}

TEST(version, is_one_in_all_its_forms) {
  EXPECT_EQ(DASKIFY_VERSION, DASKIFY_VERSION_MAJOR * 10000 + DASKIFY_VERSION_MINOR * 100 + DASKIFY_VERSION_PATCH);
  EXPECT_EQ(std::string{DASKIFY_VERSION_STRING}, std::to_string(DASKIFY_VERSION_MAJOR) + "." +
                                                     std::to_string(DASKIFY_VERSION_MINOR) + "." +
                                                     std::to_string(DASKIFY_VERSION_PATCH));
}

} // namespace
