// The other source file of type_label_test.cpp: the types have the same names there.

#include "daskify/code/type_label.hpp"

#include "support/type_labels_elsewhere.hpp"

namespace {

struct point {
  long long x;
};

} // namespace

namespace daskify::internal {
namespace {

[[maybe_unused]] auto local_of_a_static_function() {
  struct point {
    long long x;
  };
  return point{};
}

} // namespace
} // namespace daskify::internal

namespace daskify::test {

const labels& labels_elsewhere() {
  using local = decltype(internal::local_of_a_static_function());
  static const labels all{internal::label_of<std::vector<double>>(), internal::label_of<known_everywhere>(),
                          internal::label_of<point>(), internal::label_of<std::vector<point>>(),
                          internal::label_of<local>()};
  return all;
}

} // namespace daskify::test
