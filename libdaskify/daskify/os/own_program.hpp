#pragma once

/// The other programs of this installation.

#include <filesystem>
#include <string_view>

namespace daskify::internal {

/// The path of the program `name` that is in the folder of this one. Throws cluster_error(command_failed) when it is
/// not there.
std::filesystem::path own_program(std::string_view name);

} // namespace daskify::internal
