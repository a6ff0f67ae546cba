#pragma once

/// Runs another program to its end and gives what it wrote.

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

/// Bytes kept of a command's output, and as many of its errors. What it writes beyond is read and dropped.
inline constexpr std::size_t most_output = std::size_t{16} << 20;

struct command_result {
  exit_status status; ///< unknown_end where the program ignores SIGCHLD or waits for any child
  std::string output;
  std::string errors;
  bool timed_out = false; ///< it was killed because it took too long
  bool stopped = false;   ///< it was killed because stop was requested
  bool cut = false;       ///< it wrote more than most_output
};

/// Runs `words[0]`, searched for in PATH unless it has a slash, with all of `words` as its arguments and without a
/// shell, and waits for its end. `input` is its standard input; it may close that unread. `environment` is NAME=value
/// each.
///
/// When stop was requested before, the program is not started.
///
/// The program runs in a process group of its own, with default signal handling, and with no descriptor of ours but its
/// input, output, errors and, where it is one, `kept`, which is open as long as the program runs. After `timeout`, or
/// when `stop` is requested, it is killed with its group. What it leaves running in its group is killed at its end; a
/// daemon that has left the group goes on, and is not waited for even if it holds the output open.
///
/// Nothing when there is no such program. Throws cluster_error(command_failed) when the system refuses to start it.
/// Thread-safe, as long as no other thread changes the environment.
std::optional<command_result> run_command(const std::vector<std::string>& words, std::string_view input,
                                          std::chrono::milliseconds timeout, std::stop_token stop = {},
                                          const std::vector<std::string>& environment = own_environment(),
                                          int kept = -1);

} // namespace daskify::internal
