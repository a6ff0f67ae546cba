#pragma once

#include "daskify/os/file_descriptor.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

namespace daskify::internal {

/// The descriptor at which a detached process can tell how it goes.
inline constexpr int news_descriptor = 3;

struct detached_process {
  pid_t pid = 0;        ///< this process's child as long as this process lives
  file_descriptor news; ///< what it writes to its news_descriptor; at its end once it has closed that, or has ended
};

/// Starts a program that goes on when this process, its terminal and its login have ended: in a session of its own,
/// with empty input, its output and errors appended to `log`, and none of our descriptors but those. `program` is a
/// path, `arguments` is argv. Throws cluster_error(command_failed).
detached_process start_detached(const std::string& program, std::vector<std::string> arguments,
                                const file_descriptor& log);

} // namespace daskify::internal
