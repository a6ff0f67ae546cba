#pragma once

/// The variables of this process. Thread-safe, as long as no other thread changes the environment.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// Reads a variable; null when it is not set.
using variable_reader = std::function<const char*(const char* name)>;

/// A variable of this process; null when it is not set.
const char* own_variable(const char* name);

/// The same as text: "" when it is not set.
std::string_view environment_text(const char* name);

/// Every variable of this process, as NAME=value.
std::vector<std::string> own_environment();

} // namespace daskify::internal
