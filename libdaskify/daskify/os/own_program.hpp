#pragma once

/// The other programs of this installation.

#include <filesystem>
#include <string_view>

namespace daskify::internal {

/// The path of the program `name` in the folder of this program. Throws cluster_error(command_failed) if it is missing
/// or not executable.
std::filesystem::path own_program(std::string_view name);

} // namespace daskify::internal
