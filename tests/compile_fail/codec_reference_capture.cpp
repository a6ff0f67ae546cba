// expect: type_that_cannot_travel<main\(\)::<lambda\(\)> ?>
#include "daskify/codec.hpp"

int main() {
  int local = 1;
  auto value = [&local] { return local; };
  daskify::encode(value);
}
