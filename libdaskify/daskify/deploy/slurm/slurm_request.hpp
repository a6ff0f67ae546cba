#pragma once

/// Makes the requests to SLURM from the settings of a cluster.

#include "daskify/config/settings.hpp"
#include "daskify/deploy/slurm/job_script.hpp"

#include <string>

namespace daskify::internal {

/// The name of all jobs of a session, and of no others.
std::string job_name(const std::string& session_folder);

/// The request for `jobs` jobs. Throws like program_on_nodes (deploy/batch/node_in_job.hpp).
job_request request_for(const settings& options, std::size_t jobs, const std::string& session_folder,
                        const std::string& log_folder, const std::string& program_name);

/// The script of a whole cluster, for display: with SESSION in place of the session's folder and LOGS in place of the
/// log folder. Throws config_error for a value that no script can hold.
std::string example_job_script(const settings& options, const std::string& program_name);

} // namespace daskify::internal
