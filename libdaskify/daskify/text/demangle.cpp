#include "daskify/text/demangle.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace daskify::internal {

std::string demangle(const char* mangled) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> text{abi::__cxa_demangle(mangled, nullptr, nullptr, &status), &std::free};
  return status == 0 ? text.get() : mangled;
}

} // namespace daskify::internal
