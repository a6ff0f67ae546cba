#pragma once

/// Folders that the user has named. What cannot be done with one is said in a sentence that names it.

#include <filesystem>
#include <vector>

namespace daskify::internal {

/// Makes a folder that `option` names, with those above it; one that was not there is ours alone. Throws
/// cluster_error(session_failed).
void make_folder(const std::filesystem::path& path, const char* option);

/// What is in a folder, by name; nothing where it is not there. Throws cluster_error(session_failed) when it cannot be
/// looked into.
std::vector<std::filesystem::directory_entry> entries_of(const std::filesystem::path& folder);

} // namespace daskify::internal
