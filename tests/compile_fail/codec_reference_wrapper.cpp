// expect: type_that_cannot_travel<std::reference_wrapper<int> ?>
#include <functional>
#include <vector>

#include "daskify/codec.hpp"

int main() {
  std::vector<std::reference_wrapper<int>> value;
  daskify::encode(value);
}
