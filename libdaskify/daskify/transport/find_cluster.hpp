#pragma once

/// How a program, or a worker, that was not started by a scheduler finds the one of a standing cluster.

#include "daskify/config/settings.hpp"
#include "daskify/protocol/endpoint.hpp"
#include "daskify/transport/session_folder.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
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

/// Why there is surely no cluster where the settings say: nobody has told of one, or its scheduler has ended. Empty
/// when there may be one. Throws cluster_error where that cannot be told.
std::string why_no_cluster(const settings& options);

/// Returns when there may be one, or when option start_timeout is over, with what is left of that: a scheduler may be a
/// job that starts after those that look for it. Says once that it waits, unless the option progress is off. `pause`
/// waits a moment, for nobody tells of a file on another machine; when it answers false, nobody wants to wait any more.
std::chrono::milliseconds wait_for_cluster(const settings& options,
                                           const std::function<bool(std::chrono::milliseconds)>& pause);

/// By the options scheduler and connection_directory and the environment. Throws cluster_error(session_failed) when
/// there is none, or one that has ended.
found_cluster find_cluster(const settings& options);

} // namespace daskify::internal
