#include "daskify/os/environment.hpp"

#include <cstdlib>
#include <unistd.h>

namespace daskify::internal {

const char* own_variable(const char* name) {
  return std::getenv(name);
}

std::string_view environment_text(const char* name) {
  const char* value = own_variable(name);
  return value ? value : "";
}

std::vector<std::string> own_environment() {
  std::vector<std::string> result;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable)
    result.emplace_back(*variable);
  return result;
}

} // namespace daskify::internal
