#pragma once

/// Folders of logs that outlive the cluster whose processes wrote them: one per cluster, in a common base folder.

#include "daskify/config/settings.hpp"
#include "daskify/os/file_descriptor.hpp"

#include <filesystem>
#include <vector>

namespace daskify::internal {

struct log_folder {
  std::filesystem::path path; ///< absolute
  file_descriptor in_use;     ///< locked while open, so that no other process takes the folder for an old one

  /// Called at the end: the folder is empty if no process was started.
  void remove_if_empty() const noexcept;
};

/// The base folder for clusters whose logs are kept: log_directory, else "logs" in session_directory, which defaults to
/// ~/.daskify. Throws cluster_error(session_failed) when neither is set and there is no home.
std::filesystem::path base_of_logs(const settings& with);

/// Creates a folder that no other cluster has, named after the current time and this process ("20240501-100000-4711"),
/// and `base` if it does not exist. Throws cluster_error(session_failed) if the folder cannot be created or written to.
log_folder make_log_folder(const std::filesystem::path& base);

/// Marks a folder created by another process as in use by this one, too.
log_folder share_log_folder(const std::filesystem::path& folder);

/// The folders that `make_log_folder` created there, oldest first. Throws cluster_error(session_failed) if `base`
/// exists and cannot be read.
std::vector<std::filesystem::path> log_folders_in(const std::filesystem::path& base);

/// Whether a process of this machine uses the folder; false if the file system has no locks.
bool is_in_use(const std::filesystem::path& log_folder);

} // namespace daskify::internal
