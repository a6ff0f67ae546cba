// expect: type_that_cannot_travel<std::function<void\(\)> ?>
#include <functional>

#include "daskify/codec.hpp"

struct job {
  int id;
  std::function<void()> run;
};

int main() {
  job value{};
  daskify::encode(value);
}
