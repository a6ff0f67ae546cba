#pragma once

/// The user's folder for data that outlive a program: connection files, sessions on several machines, and logs.

#include <filesystem>
#include <optional>
#include <string_view>

namespace daskify::internal {

/// ~/.daskify; nothing if there is no home. The folder may not exist.
std::optional<std::filesystem::path> find_user_folder();

/// The same. Throws cluster_error(session_failed), which names `option` as the way out, if there is no home.
std::filesystem::path user_folder(std::string_view option);

} // namespace daskify::internal
