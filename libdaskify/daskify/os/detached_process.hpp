#pragma once

#include "daskify/os/file_descriptor.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

namespace daskify::internal {

/// The descriptor on which a detached process can report its state.
inline constexpr int news_descriptor = 3;

struct detached_process {
  pid_t pid = 0;        ///< a child of this process while this process lives
  file_descriptor news; ///< reads from its news_descriptor; at its end once the process has closed that or ended
};

/// Starts a program that outlives this process, its terminal and its login: in a new session, with empty input, its
/// output and errors appended to `log`, and no other inherited descriptors. `program` is a path, `arguments` is argv.
/// Throws cluster_error(command_failed).
detached_process start_detached(const std::string& program, std::vector<std::string> arguments,
                                const file_descriptor& log);

} // namespace daskify::internal
