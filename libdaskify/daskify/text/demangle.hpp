#pragma once

#include <string>

namespace daskify::internal {

/// The C++ name behind a mangled one, as in the source; `mangled` itself when it is no mangled name. Thread-safe.
std::string demangle(const char* mangled);

} // namespace daskify::internal
