// expect: type_that_cannot_travel<std::__cxx11::basic_string<char>&>
#include <string>

#include "daskify/codec.hpp"

struct holder {
  int id;
  std::string& name;
};

int main() {
  std::string name;
  holder value{1, name};
  daskify::encode(value);
}
