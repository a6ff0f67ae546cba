#pragma once

/// The other programs of this installation, and the user's folder for what they leave.

#include <filesystem>
#include <string_view>

namespace daskify::internal {

/// The path of the program `name` that is in the folder of this one. Throws cluster_error(command_failed) when it is
/// not there.
std::filesystem::path own_program(std::string_view name);

/// ~/.daskify. Throws cluster_error(session_failed), which names `option` as the way out, when there is no home.
std::filesystem::path user_folder(std::string_view option);

} // namespace daskify::internal
