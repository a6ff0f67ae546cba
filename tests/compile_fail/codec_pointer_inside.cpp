// expect: type_that_cannot_travel<const char\*>
#include <map>
#include <string>
#include <vector>

#include "daskify/codec.hpp"

struct row {
  int id;
  std::map<std::string, const char*> names;
};

int main() {
  std::vector<row> value;
  daskify::encode(value);
}
