// expect: type_that_cannot_travel<derived>
#include "daskify/codec.hpp"

struct base {
  int number;
};

template <class Inspector>
auto inspect(Inspector& f, base& x) {
  return f(x.number);
}

struct derived : base {
  double lost;
};

int main() {
  derived value{};
  daskify::encode(value);
}
