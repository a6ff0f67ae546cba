// expect: type_that_cannot_travel<std::shared_ptr<int> ?>
#include <memory>
#include <vector>

#include "daskify/codec.hpp"

int main() {
  std::vector<std::shared_ptr<int>> value;
  daskify::encode(value);
}
