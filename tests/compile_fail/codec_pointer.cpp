// expect: type_that_cannot_travel<int\*>
#include "daskify/codec.hpp"

int main() {
  int* value = nullptr;
  daskify::encode(value);
}
