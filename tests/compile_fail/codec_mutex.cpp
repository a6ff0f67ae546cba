// expect: type_that_cannot_travel<std::mutex>
#include <mutex>

#include "daskify/codec.hpp"

struct guarded {
  std::mutex mutex;
  int number;
};

int main() {
  guarded value{};
  daskify::encode(value);
}
