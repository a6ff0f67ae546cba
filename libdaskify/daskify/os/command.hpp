#pragma once

/// Runs another program to its end and returns its output.

#include "daskify/os/child_process.hpp"
#include "daskify/os/environment.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// Maximum number of bytes kept of a command's output, and likewise of its errors. The rest is read and dropped.
inline constexpr std::size_t most_output = std::size_t{16} << 20;

struct command_result {
  exit_status status; ///< unknown_end where the program ignores SIGCHLD or waits for any child
  std::string output;
  std::string errors;
  bool timed_out = false; ///< it was killed because it exceeded the timeout
  bool stopped = false;   ///< it was killed because stop was requested
  bool cut = false;       ///< its output or errors exceeded most_output
};

/// Runs `words[0]`, searched for in PATH unless it contains a slash, with `words` as its arguments and without a shell,
/// and waits for its end. `input` is its standard input, which it need not read. `environment` has entries NAME=value.
///
/// If stop was requested before the call, the program is not started.
///
/// The program runs in its own process group, with default signal handling, and inherits no descriptors except input,
/// output, errors and `kept` (unless negative), which stays open as long as the program runs. After `timeout`, or when
/// `stop` is requested, its process group is killed. Processes left in the group are killed when the program ends; a
/// daemon that has left the group keeps running, and is not waited for even if it holds the output open.
///
/// Returns nothing if the program does not exist. Throws cluster_error(command_failed) when the system refuses to start
/// it. Thread-safe, as long as no other thread changes the environment.
std::optional<command_result> run_command(const std::vector<std::string>& words, std::string_view input,
                                          std::chrono::milliseconds timeout, std::stop_token stop = {},
                                          const std::vector<std::string>& environment = own_environment(),
                                          int kept = -1);

} // namespace daskify::internal
