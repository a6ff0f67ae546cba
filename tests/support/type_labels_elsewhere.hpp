#pragma once

/// Labels of types as another source file sees them.

#include "daskify/code/type_label.hpp"
#include "daskify/scattered.hpp"

namespace daskify::test {

struct known_everywhere {
  int value;
};

struct labels {
  internal::type_label vector, class_of_a_header, unnamed_namespace, vector_of_it, local_of_a_function;
};
const labels& labels_elsewhere();

} // namespace daskify::test
