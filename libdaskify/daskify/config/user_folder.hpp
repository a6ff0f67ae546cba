#pragma once

/// The user's folder for what outlives a program: where clusters are told of, sessions on several machines, and logs.

#include <filesystem>
#include <optional>
#include <string_view>

namespace daskify::internal {

/// ~/.daskify; nothing when there is no home. It may not be there.
std::optional<std::filesystem::path> find_user_folder();

/// The same. Throws cluster_error(session_failed), which names `option` as the way out, when there is no home.
std::filesystem::path user_folder(std::string_view option);

} // namespace daskify::internal
