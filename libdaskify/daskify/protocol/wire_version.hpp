#pragma once

/// Whether two programs of different builds understand each other's messages.

#include <string>

namespace daskify::internal {

/// Changes whenever the fields of any message do. For a change of what a message means there is a number in actors.cpp
/// to be raised.
const std::string& wire_version();

} // namespace daskify::internal
