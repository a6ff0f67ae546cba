#pragma once

/// Starts the processes of a cluster as children of this one.

#include "daskify/os/child_process.hpp"
#include "daskify/os/start_process.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace daskify::internal {

struct spawn_request {
  /// "/proc/self/exe" is this program, even if its file was replaced.
  std::filesystem::path program;
  std::vector<std::string> arguments; ///< argv, beginning with the program's name
  /// Added to the environment of this process; replaces variables of the same name.
  std::vector<std::pair<std::string, std::string>> environment;
  std::filesystem::path log; ///< output and errors are appended here; created with mode 0600
  search where = search::path_as_given;
  std::string left_out{};       ///< variables of this process with this prefix are not passed on; "": all are
  std::vector<unsigned> cpus{}; ///< that the process is bound to; empty: those of the calling thread
};

/// Starts a child with empty input, default signal handling and no inherited descriptors but the log and the lifeline.
/// Throws cluster_error(worker_failed) when the program cannot be started. Thread-safe, as long as no other thread
/// changes the environment.
child spawn(const spawn_request& request);

} // namespace daskify::internal
