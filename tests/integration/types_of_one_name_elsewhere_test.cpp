// The other source file of types_of_one_name_test.cpp.

#include "support/points_elsewhere.hpp"

namespace {

struct point {
  std::string text;
};
struct pair {
  long long a, b;
};

std::size_t count(const point& p) {
  return p.text.size();
}

} // namespace

namespace daskify::test {

std::size_t gather_points_elsewhere(const daskify::daskified& cluster) {
  return cluster.gather_data<std::vector<pair>>("points").size();
}

std::size_t gather_recent_points_elsewhere(const daskify::daskified& cluster) {
  return cluster.gather_data<pair>().size();
}

std::size_t count_characters_elsewhere(daskify::daskified& cluster) {
  return cluster.submit(count, point{std::string(2'000'000, 'x')}).get();
}

} // namespace daskify::test
