#pragma once

/// The main function of a worker process, and how it is told to be one.

#include <string>
#include <utility>
#include <vector>

namespace daskify::internal {

/// What a launcher puts into the environment of a process that shall be a worker.
std::vector<std::pair<std::string, std::string>> worker_environment(const std::string& session_folder, unsigned slot,
                                                                    std::size_t threads, const std::string& log_file);

/// Returns at once in a process that was not launched as a worker. In one that was: connects, enrols, runs tasks until
/// the session ends, and ends the process.
void become_worker_if_launched();

} // namespace daskify::internal
