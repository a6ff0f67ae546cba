// expect: type_that_cannot_travel<std::atomic<int> ?>
#include <atomic>

#include "daskify/codec.hpp"

struct counter {
  std::atomic<int> hits;
};

int main() {
  counter value{};
  daskify::encode(value);
}
