#pragma once

/// Folders of logs that outlive the cluster whose processes wrote them.

#include "daskify/deploy/process.hpp"

#include <filesystem>
#include <string>

namespace daskify::internal {

/// A name for a log folder of this moment and process: "20240501-100000-4711".
std::string time_and_pid();

/// Makes the folder where it is not there. It is in use as long as the answer is kept, or this process lives. Throws
/// cluster_error(session_failed) when it cannot be made, or nothing can be written into it.
file_descriptor use_log_folder(const std::filesystem::path& folder);

/// Whether a process of this machine uses it; false where the file system has no locks.
bool is_in_use(const std::filesystem::path& log_folder);

} // namespace daskify::internal
