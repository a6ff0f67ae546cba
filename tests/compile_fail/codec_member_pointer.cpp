// expect: type_that_cannot_travel<int point::\*>
#include "daskify/codec.hpp"

struct point {
  int x;
};

struct holder {
  int point::*member;
};

int main() {
  holder value{&point::x};
  daskify::encode(value);
}
