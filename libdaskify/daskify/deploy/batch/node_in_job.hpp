#pragma once

/// The node that each job of a fleet runs.

#include "daskify/config/settings.hpp"
#include "daskify/launch/launch_variables.hpp"

#include <string>

namespace daskify::internal {

/// The program of a node, as a path that is valid on other machines. Throws cluster_error(worker_failed).
std::string program_on_nodes(const settings& options);

/// The launch parameters of each node in a job. The nodes must have access to `session_folder` and `log_folder`.
node_launch node_in_job(const settings& options, const std::string& session_folder, const std::string& log_folder,
                        const std::string& program_name);

} // namespace daskify::internal
