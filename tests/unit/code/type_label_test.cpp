#include "daskify/code/type_label.hpp"
#include "daskify/scattered.hpp"

#include "support/type_labels_elsewhere.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace {

struct point {
  double x;
};

} // namespace

namespace daskify::internal {
namespace {

[[maybe_unused]] auto local_of_a_static_function() {
  struct point {
    double x;
  };
  return point{};
}

TEST(type_label, is_the_same_for_one_type_wherever_it_is_asked_for) {
  EXPECT_EQ(label_of<std::vector<double>>().hash, test::labels_elsewhere().vector.hash);
  EXPECT_EQ(label_of<test::known_everywhere>().hash, test::labels_elsewhere().class_of_a_header.hash);
  EXPECT_EQ(label_of<test::known_everywhere>().name, "daskify::test::known_everywhere");
}

TEST(type_label, tells_types_of_one_name_in_two_source_files_apart) {
  EXPECT_EQ(label_of<point>().name, test::labels_elsewhere().unnamed_namespace.name);
  EXPECT_NE(label_of<point>().hash, test::labels_elsewhere().unnamed_namespace.hash);
  EXPECT_NE(label_of<std::vector<point>>().hash, test::labels_elsewhere().vector_of_it.hash);
  EXPECT_NE((label_of<std::array<point, 2>>().hash), (label_of<std::array<point, 3>>().hash));
  using local = decltype(local_of_a_static_function());
  EXPECT_EQ(label_of<local>().name, test::labels_elsewhere().local_of_a_function.name);
  EXPECT_NE(label_of<local>().hash, test::labels_elsewhere().local_of_a_function.hash);
}

TEST(type_label, is_never_that_of_any_type) {
  std::set<std::uint64_t> all{0, label_of<int>().hash, label_of<void>().hash, label_of<point>().hash};
  EXPECT_EQ(all.size(), 4U);
}

TEST(type_label, says_that_types_of_one_name_are_of_two_source_files) {
  EXPECT_EQ(not_type("int", "double"), "int, not double");
  EXPECT_NE(not_type("P", "P").find("another source file"), std::string::npos);
}

} // namespace
} // namespace daskify::internal
