/// Types in unnamed namespaces, of the same name in two source files of one program.

#include "support/cluster_of_two.hpp"
#include "support/points_elsewhere.hpp"

namespace {

using namespace daskify::test;
using testing::HasSubstr;

struct point {
  std::vector<char> characters;
};
struct pair {
  double a, b;
};

struct types_of_one_name : cluster_of_two {};

template <class F>
std::string refusal(F&& call) {
  try {
    call();
  } catch (const daskify::data_error& e) {
    EXPECT_EQ(e.code(), daskify::error_code::wrong_type);
    return e.what();
  }
  return "it was not refused";
}

TEST_F(types_of_one_name, are_not_gathered_as_each_other) {
  cluster.scatter_data("points", std::vector<pair>{{1.5, 2.5}, {3.5, 4.5}});
  EXPECT_EQ(cluster.gather_data<std::vector<pair>>("points").at(1).a, 3.5);
  EXPECT_THAT(refusal([&] { gather_points_elsewhere(cluster); }), HasSubstr("of another source file"));
  EXPECT_EQ(cluster.gather_data(cluster.map([](int i) { return pair{i + 0.5, 0}; }, daskify::range(2))).at(1).a, 1.5);
  EXPECT_EQ(cluster.gather_data<pair>().at(1).a, 1.5);
  EXPECT_THAT(refusal([&] { gather_recent_points_elsewhere(cluster); }), HasSubstr("of another source file"));
}

TEST_F(types_of_one_name, are_not_taken_for_each_other_by_tasks) {
  // Their bytes are the same, and large enough to be put into the store once.
  auto count = [](const point& p) { return p.characters.size(); };
  EXPECT_EQ(cluster.submit(count, point{std::vector<char>(2'000'000, 'x')}).get(), 2'000'000U);
  EXPECT_EQ(count_characters_elsewhere(cluster), 2'000'000U);
}

} // namespace
