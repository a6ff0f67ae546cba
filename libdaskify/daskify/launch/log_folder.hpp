#pragma once

/// Folders of logs that outlive the cluster whose processes wrote them: one for each cluster, in a folder of many.

#include "daskify/config/settings.hpp"
#include "daskify/os/file_descriptor.hpp"

#include <filesystem>
#include <vector>

namespace daskify::internal {

struct log_folder {
  std::filesystem::path path; ///< absolute
  file_descriptor in_use;     ///< as long as it is open, or this process lives, nobody takes the folder for an old one

  /// At the end: there is nothing in it where nothing was started.
  void remove_if_empty() const noexcept;
};

/// The folder of many, for clusters whose logs stay: log_directory, else "logs" in session_directory, which is
/// ~/.daskify when it is not set. Throws cluster_error(session_failed) when neither is set and there is no home.
std::filesystem::path base_of_logs(const settings& with);

/// Makes a folder that no other cluster has, named after this moment and process ("20240501-100000-4711"), and `base`
/// around it where that is not there. Throws cluster_error(session_failed) when it cannot be made, or nothing can be
/// written into it.
log_folder make_log_folder(const std::filesystem::path& base);

/// One that another process has made is in use by this one, too.
log_folder share_log_folder(const std::filesystem::path& folder);

/// Those that `make_log_folder` has made there, by time: the last is the newest. Throws cluster_error(session_failed)
/// when `base` is there and cannot be looked into.
std::vector<std::filesystem::path> log_folders_in(const std::filesystem::path& base);

/// Whether a process of this machine uses it; false where the file system has no locks.
bool is_in_use(const std::filesystem::path& log_folder);

} // namespace daskify::internal
