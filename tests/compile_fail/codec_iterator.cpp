// expect: type_that_cannot_travel<std::_List_iterator<int> ?>
#include <list>

#include "daskify/codec.hpp"

int main() {
  std::list<int>::iterator value;
  daskify::encode(value);
}
