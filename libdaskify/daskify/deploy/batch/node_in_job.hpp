#pragma once

/// What each job of a fleet runs.

#include "daskify/config/settings.hpp"
#include "daskify/launch/launch_variables.hpp"

#include <string>

namespace daskify::internal {

/// The program that becomes a node: a path that means the same on other machines. Throws cluster_error(worker_failed).
std::string program_on_nodes(const settings& options);

/// What each node in a job is to be. `session_folder` and `log_folder` are folders that the nodes see, too.
node_launch node_in_job(const settings& options, const std::string& session_folder, const std::string& log_folder,
                        const std::string& program_name);

} // namespace daskify::internal
