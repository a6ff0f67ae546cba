#pragma once

/// How a program or a worker that was not started by a scheduler finds the scheduler of a standing cluster.

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

/// The option connection_directory, or its default. Throws cluster_error(session_failed) if there is no home.
std::filesystem::path connection_directory(const settings& options);

/// Why the scheduler of a connection file has certainly ended, as a predicate to "the scheduler that the folder tells
/// of"; "" if it may be running. Connects to its addresses only if the file was written before the last boot of this
/// machine.
std::string why_ended(const connection& told);

/// Why there is certainly no cluster for these settings: no scheduler has published one, or the scheduler has ended.
/// Empty if there may be a cluster. Throws cluster_error if that cannot be determined.
std::string why_no_cluster(const settings& options);

/// Waits until there may be a cluster, or until option start_timeout has passed, and returns the time left: a scheduler
/// may be a job that starts later than its users. Prints one notice, unless the option progress is off. `pause` waits
/// for the given time, because changes of files on other machines are not reported; if it returns false, the wait is
/// cancelled.
std::chrono::milliseconds wait_for_cluster(const settings& options,
                                           const std::function<bool(std::chrono::milliseconds)>& pause);

/// Uses the options scheduler and connection_directory and the environment. Throws cluster_error(session_failed) if
/// there is no cluster, (scheduler_gone) if it has ended, (bad_secret) if the secret is malformed.
found_cluster find_cluster(const settings& options);

} // namespace daskify::internal
