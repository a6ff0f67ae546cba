#include "daskify/iterables.hpp"

#include <gtest/gtest.h>

#include <forward_list>
#include <limits>
#include <list>
#include <ranges>

namespace daskify {
namespace {

template <class It>
auto all(const It& it) {
  std::vector<std::decay_t<decltype(it[0])>> values;
  for (std::uint64_t i = 0; i < it.size(); ++i)
    values.push_back(it[i]);
  return values;
}

TEST(range, is_pythons) {
  EXPECT_EQ(all(range(4)), (std::vector{0, 1, 2, 3}));
  EXPECT_EQ(all(range(2, 9, 3)), (std::vector{2, 5, 8}));
  EXPECT_EQ(all(range(3, -3, -2)), (std::vector{3, 1, -1}));
  EXPECT_TRUE(all(range(5, 5)).empty());
  EXPECT_TRUE(all(range(-3)).empty());
}

TEST(range, refuses_a_step_of_zero) {
  EXPECT_THROW(range(0, 5, 0), data_error);
}

TEST(range, covers_the_whole_of_a_type_without_overflow) {
  using limits = std::numeric_limits<std::int64_t>;
  auto wide = range(limits::min(), limits::max());
  EXPECT_EQ(wide.size(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(wide[wide.size() - 1], limits::max() - 1);
}

TEST(range, has_the_type_that_its_ends_have_in_common) {
  std::int64_t far = 3'000'000'000;
  auto wide = range(0, far);
  EXPECT_EQ(wide.size(), 3'000'000'000u);
  EXPECT_EQ(wide[2'999'999'999], far - 1);
  EXPECT_EQ(range(0u, std::uint64_t{10}, 5).size(), 2u);
}

template <class... Ts>
concept has_range = requires(Ts... values) {
  range(values...);
};
static_assert(has_range<int, int, int> && has_range<long>);
static_assert(!has_range<int, int, double>, "real steps are for linspace");

TEST(counts, are_refused_when_negative) {
  EXPECT_THROW(linspace(0, 1, -1), data_error);
  EXPECT_THROW(logspace(0, 1, -1), data_error);
  try {
    loops(-3);
    FAIL();
  } catch (const data_error& e) {
    EXPECT_EQ(e.code(), error_code::bad_argument);
    EXPECT_STREQ(e.what(), "loops was called with a count of -3; give 0 or more.");
  }
}

TEST(linspace, ends_exactly_at_its_last_value) {
  auto third = linspace(0.0, 0.1, 4);
  EXPECT_EQ(third[0], 0.0);
  EXPECT_EQ(third[3], 0.1);
  EXPECT_EQ(all(linspace(2, 5, 1)), std::vector{2.0});
  EXPECT_TRUE(all(linspace(2, 5, 0)).empty());
}

TEST(logspace, goes_over_powers_of_ten) {
  auto powers = all(logspace(-1, 2, 4));
  ASSERT_EQ(powers.size(), 4u);
  EXPECT_DOUBLE_EQ(powers[0], 0.1);
  EXPECT_DOUBLE_EQ(powers[3], 100.0);
}

TEST(iterables, take_arrays_lists_without_a_size_and_views) {
  int array[]{3, 1, 2};
  EXPECT_EQ(internal::to_iterable(array), (std::vector{3, 1, 2}));
  EXPECT_EQ(internal::to_iterable(std::forward_list{4, 5}), (std::vector{4, 5}));
#if !defined(__clang__) || __clang_major__ > 15 // clang 15 and older cannot compile the views of libstdc++
  EXPECT_EQ(internal::to_iterable(std::views::iota(0, 3)), (std::vector{0, 1, 2}));
  auto odd = array | std::views::filter([](int x) { return x % 2 == 1; });
  EXPECT_EQ(internal::to_iterable(odd), (std::vector{3, 1}));
#endif
}

TEST(iterables, take_any_container) {
  auto group = iterables(std::list<int>{1, 2}, std::vector<bool>{true, false}, range(3));
  EXPECT_EQ(std::get<0>(group.factors), (std::vector{1, 2}));
  EXPECT_EQ(std::get<1>(group.factors).size(), 2u);
  static_assert(std::is_same_v<decltype(std::get<1>(group.factors)[0]), bool>);
  EXPECT_EQ(std::get<2>(group.factors).size(), 3u);
}

} // namespace
} // namespace daskify
