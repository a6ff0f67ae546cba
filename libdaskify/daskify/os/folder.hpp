#pragma once

/// Folders named by the user. Errors are sentences that name the folder.

#include <filesystem>
#include <vector>

namespace daskify::internal {

/// Creates the folder that `option` names, and its parents; a new folder is accessible to its owner only. Throws
/// cluster_error(session_failed).
void make_folder(const std::filesystem::path& path, const char* option);

/// Returns the entries of a folder, sorted by name; none if it does not exist. Throws cluster_error(session_failed) if
/// it cannot be read.
std::vector<std::filesystem::directory_entry> entries_of(const std::filesystem::path& folder);

} // namespace daskify::internal
