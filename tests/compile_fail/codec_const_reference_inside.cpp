// expect: type_that_cannot_travel<const int&>
#include "daskify/codec.hpp"

struct holder {
  const int& number;
};

int main() {
  int number = 1;
  holder value{number};
  daskify::encode(value);
}
