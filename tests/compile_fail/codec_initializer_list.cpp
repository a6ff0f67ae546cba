// expect: type_that_cannot_travel<std::initializer_list<int> ?>
#include <initializer_list>

#include "daskify/codec.hpp"

int main() {
  std::initializer_list<int> value;
  daskify::encode(value);
}
