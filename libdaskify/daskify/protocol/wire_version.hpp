#pragma once

/// Whether two programs of different builds understand each other's messages.

#include <string>

namespace daskify::internal {

/// Changes whenever the fields of any message do. A change of what a message means, or of how fields are written,
/// raises the number `meaning` in actors.cpp.
const std::string& wire_version();

} // namespace daskify::internal
