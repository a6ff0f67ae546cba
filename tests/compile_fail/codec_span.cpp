// expect: type_that_cannot_travel<std::span<double> ?>
#include <optional>
#include <span>

#include "daskify/codec.hpp"

int main() {
  std::optional<std::span<double>> value;
  daskify::encode(value);
}
