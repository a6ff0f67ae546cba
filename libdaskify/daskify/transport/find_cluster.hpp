#pragma once

/// How a program, or a worker, that was not started by a scheduler finds the one of a standing cluster.

#include "daskify/config/settings.hpp"
#include "daskify/transport/session_folder.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace daskify::internal {

struct found_cluster {
  std::vector<endpoint> addresses;
  std::string secret;
  std::optional<session_folder> folder; ///< in which it was found
};

/// Option connection_directory. Throws cluster_error(session_failed) when there is no home.
std::filesystem::path connection_directory(const settings& options);

/// Why nobody can be where a connection file tells, in words that follow "the scheduler that the folder tells of"; ""
/// while somebody may be. Asks at its addresses only when it was written before this machine was started again.
std::string why_ended(const connection& told);

/// By the options scheduler and connection_directory and the environment. Throws cluster_error(session_failed) when
/// there is none, or one that has ended.
found_cluster find_cluster(const settings& options);

} // namespace daskify::internal
