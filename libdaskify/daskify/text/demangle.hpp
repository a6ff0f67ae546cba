#pragma once

#include <string>

namespace daskify::internal {

/// Returns the C++ name of a mangled one, as in the source; `mangled` itself if it is not a mangled name. Thread-safe.
std::string demangle(const char* mangled);

} // namespace daskify::internal
