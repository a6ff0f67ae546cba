#pragma once

/// What starting a process takes, whatever the process is for.

#include "daskify/os/child_process.hpp"
#include "daskify/os/file_descriptor.hpp"

#include <cstdint>
#include <spawn.h>
#include <string>
#include <vector>

namespace daskify::internal {

/// The same above 0 to 3, which a child's own overwrite, and which a program that closed them may open again; without
/// number, with errno set, when the system refuses. It is closed when another program is executed.
file_descriptor out_of_the_way(file_descriptor original);

/// A pipe out of the way; without numbers, with errno set, when the system refuses.
struct pipe_ends {
  file_descriptor read;
  file_descriptor write;
  explicit operator bool() const noexcept { return read && write; }
};
pipe_ends open_pipe();

/// Where a program is looked for.
enum class search : std::uint8_t { path_as_given, in_PATH };

/// What becomes of the descriptors in a new process, in this order. Throws std::bad_alloc.
class file_actions {
public:
  file_actions();
  file_actions(const file_actions&) = delete;
  file_actions& operator=(const file_actions&) = delete;
  ~file_actions();

  /// Opens /dev/null for reading as `number`.
  void empty_input(int number);
  /// `from`, one of this process that is out of the way, becomes `number` there.
  void pass(int from, int number);
  /// Closes `first` and all above, which may not all be marked to be closed.
  void close_from(int first);

  const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

private:
  posix_spawn_file_actions_t actions_;
};

/// Starts a process as the leader of a group of its own, with no signal ignored or blocked whatever this program does.
/// `environment` is NAME=value each; `lifeline` is the end that the child object keeps. This process's memory is not
/// copied, however large it is. Throws std::system_error with the system's reason. Thread-safe.
child start_process(const std::string& program, search where, std::vector<std::string> arguments,
                    std::vector<std::string> environment, const file_actions& actions, file_descriptor lifeline = {});

} // namespace daskify::internal
