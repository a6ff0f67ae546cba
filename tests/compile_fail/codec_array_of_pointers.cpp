// expect: type_that_cannot_travel<double\*>
#include "daskify/codec.hpp"

struct table {
  double* rows[3];
};

int main() {
  table value{};
  daskify::encode(value);
}
