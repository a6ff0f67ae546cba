// expect: type_that_cannot_travel<int\*>
#include <vector>

#include "daskify/codec.hpp"

int main() {
  daskify::decode<std::vector<int*>>({});
}
