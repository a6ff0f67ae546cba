#include "daskify/text/nearest.hpp"

#include <array>
#include <string>

#include <gtest/gtest.h>

using daskify::internal::edit_distance;
using daskify::internal::nearest;

namespace {

constexpr std::array<std::string_view, 4> names{"size", "mode", "heartbeat_interval", "heartbeat_timeout"};

} // namespace

TEST(nearest, counts_each_kind_of_edit_as_one) {
  EXPECT_EQ(edit_distance("size", "size"), 0u);
  EXPECT_EQ(edit_distance("size", "sizes"), 1u);
  EXPECT_EQ(edit_distance("size", "siz"), 1u);
  EXPECT_EQ(edit_distance("size", "site"), 1u);
  EXPECT_EQ(edit_distance("size", "szie"), 1u);
}

TEST(nearest, distance_is_symmetric_and_counts_a_missing_word_in_full) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "mode"), 4u);
  EXPECT_EQ(edit_distance("mode", ""), 4u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("sitting", "kitten"), 3u);
}

TEST(nearest, finds_the_name_that_was_meant) {
  EXPECT_EQ(nearest("sizee", names), "size");
  EXPECT_EQ(nearest("mdoe", names), "mode");
  EXPECT_EQ(nearest("heartbeat_time_out", names), "heartbeat_timeout");
  EXPECT_EQ(nearest("hartbeat_intervall", names), "heartbeat_interval");
}

TEST(nearest, suggests_nothing_for_a_word_that_is_like_no_name) {
  EXPECT_EQ(nearest("walltime", names), std::nullopt);
  EXPECT_EQ(nearest("", names), std::nullopt);
  EXPECT_EQ(nearest(std::string(1000, 'x'), names), std::nullopt);
  EXPECT_EQ(nearest("size", {}), std::nullopt);
}

TEST(nearest, takes_the_first_of_equally_close_names) {
  constexpr std::array<std::string_view, 2> twins{"bar", "far"};
  EXPECT_EQ(nearest("car", twins), "bar");
}
