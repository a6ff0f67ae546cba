// expect: type_that_cannot_travel<hidden>
#include <string>

#include "daskify/codec.hpp"

class hidden {
public:
  hidden() = default;

private:
  std::string text_;
};

int main() {
  hidden value;
  daskify::encode(value);
}
