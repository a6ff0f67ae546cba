/// Aggregates of each number of members: a file of its own, because it takes the compiler as much as all other codecs.

#include "daskify/codec.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace daskify {
namespace {

template <std::size_t N>
void expect_members_in_order() {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    std::tuple<std::integral_constant<std::size_t, I>...> members;
    internal::with_members<N>(members, [](const auto&... member) {
      EXPECT_EQ((std::vector<std::size_t>{member()...}), (std::vector<std::size_t>{I...}));
    });
  }
  (std::make_index_sequence<N>{});
}

TEST(codec, names_each_number_of_members_in_order) {
  []<std::size_t... N>(std::index_sequence<N...>) {
    (expect_members_in_order<N>(), ...);
  }
  (std::make_index_sequence<internal::max_members + 1>{});
}

struct fields_8 {
  std::string a, b, c, d, e, f, g, h;
};

struct fields_64 {
  std::string a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, a1, b1, c1, d1, e1, f1, g1,
      h1, i1, j1, k1, l1, m1, n1, o1, p1, q1, r1, s1, t1, u1, v1, w1, x1, y1, z1, a2, b2, c2, d2, e2, f2, g2, h2, i2,
      j2, k2, l2;
  bool operator==(const fields_64&) const = default;
};

struct fields_65 {
  std::string a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, a1, b1, c1, d1, e1, f1, g1,
      h1, i1, j1, k1, l1, m1, n1, o1, p1, q1, r1, s1, t1, u1, v1, w1, x1, y1, z1, a2, b2, c2, d2, e2, f2, g2, h2, i2,
      j2, k2, l2, m2;
};

static_assert(internal::number_of_members<fields_8> == 8 && internal::number_of_members<fields_64> == 64);
static_assert(!travels<fields_65> && std::is_same_v<internal::culprit<fields_65>, fields_65>);

TEST(codec, returns_aggregates_with_as_many_fields_as_there_may_be) {
  fields_64 value{};
  value.a = "first";
  value.l2 = "last";
  EXPECT_EQ(decode<fields_64>(encode(value)), value);
}

} // namespace
} // namespace daskify
