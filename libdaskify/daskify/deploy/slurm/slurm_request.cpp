#include "daskify/deploy/slurm/slurm_request.hpp"

#include "daskify/deploy/batch/job_counts.hpp"
#include "daskify/deploy/batch/node_in_job.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace daskify::internal {

std::string job_name(const std::string& session_folder) {
  return std::filesystem::path{session_folder}.filename();
}

job_request request_for(const settings& options, std::size_t jobs, const std::string& session_folder,
                        const std::string& log_folder, const std::string& program_name) {
  job_request request;
  request.name = job_name(session_folder);
  request.queue = options.partition().value_or("");
  request.account = options.account.value_or("");
  request.jobs = jobs;
  request.shape = options.job_shape;
  request.cores = options.cores;
  request.memory = options.job_memory();
  request.walltime = std::chrono::ceil<std::chrono::seconds>(options.walltime);
  request.job_extra = options.job_extra;
  request.job_prologue = options.job_prologue;
  request.output =
      file_pattern(log_folder) + (options.job_shape == job_shape::array ? "/job-%A_%a.log" : "/job-%j.log");
  std::error_code ignored; // on failure jobs run where sbatch is called, which is the same folder
  request.working_directory = std::filesystem::current_path(ignored).string();
  auto node = node_in_job(options, session_folder, log_folder, program_name);
  node.in_step = options.job_shape == job_shape::allocation;
  request.environment = to_environment(node);
  request.command = {program_on_nodes(options)};
  return request;
}

std::string example_job_script(const settings& options, const std::string& program_name) {
  auto log_folder = options.log_directory.value_or("");
  log_folder += log_folder.empty() || log_folder.ends_with('/') ? "LOGS" : "/LOGS";
  auto request = request_for(options, job_counts_for(options).first, "SESSION", log_folder, program_name);
  request.name = "daskify-SESSION";
  return job_script(request);
}

} // namespace daskify::internal
