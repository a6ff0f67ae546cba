#include "daskify/deploy/batch/node_in_job.hpp"

#include "daskify/error.hpp"

#include <filesystem>
#include <system_error>

namespace daskify::internal {

std::string program_on_nodes(const settings& options) {
  std::error_code failed;
  auto program = options.worker_program ? std::filesystem::absolute(*options.worker_program, failed)
                                        : std::filesystem::read_symlink("/proc/self/exe", failed);
  if (failed)
    throw cluster_error{error_code::worker_failed,
                        "The path of the program that jobs are to run cannot be found out (" + failed.message() +
                            "); name it by worker_program."};
  return program.string();
}

node_launch node_in_job(const settings& options, const std::string& session_folder, const std::string& log_folder,
                        const std::string& program_name) {
  auto node = node_with(options);
  node.session_folder = session_folder;
  node.in_job = true;
  node.program_name = program_name;
  node.log_folder = log_folder;
  node.workers = options.processes;
  return node;
}

} // namespace daskify::internal
