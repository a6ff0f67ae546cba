// expect: type_that_cannot_travel<std::basic_string_view<char> ?>
#include <string_view>
#include <tuple>

#include "daskify/codec.hpp"

int main() {
  std::tuple<int, std::string_view> value;
  daskify::encode(value);
}
