#pragma once

/// What SLURM is asked for, from the settings of a cluster.

#include "daskify/config/settings.hpp"
#include "daskify/deploy/slurm/job_script.hpp"

#include <string>

namespace daskify::internal {

/// Of all jobs of a session, and of no others.
std::string job_name(const std::string& session_folder);

/// The request for `jobs` jobs. Throws as program_on_nodes (deploy/batch/node_in_job.hpp).
job_request request_for(const settings& options, std::size_t jobs, const std::string& session_folder,
                        const std::string& log_folder, const std::string& program_name);

/// The script of a whole cluster, to be looked at: with SESSION in place of the session's folder and LOGS in
/// place of that of its logs. Throws config_error for a value that no script can hold.
std::string example_job_script(const settings& options, const std::string& program_name);

} // namespace daskify::internal
