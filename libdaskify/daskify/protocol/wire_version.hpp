#pragma once

/// Determines whether two programs of different builds understand each other's messages.

#include <string>

namespace daskify::internal {

/// Changes whenever the fields of any message change. If only the meaning of a message or the encoding of fields
/// changes, increment `meaning` in actors.cpp.
const std::string& wire_version();

} // namespace daskify::internal
