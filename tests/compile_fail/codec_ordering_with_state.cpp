// expect: type_that_cannot_travel<daskify::internal::state_of<bool \(\*\)\(int, int\)> ?>
#include <set>

#include "daskify/codec.hpp"

int main() {
  std::set<int, bool (*)(int, int)> value{nullptr};
  daskify::encode(value);
}
