#pragma once

/// Building blocks for starting processes of any kind.

#include "daskify/os/child_process.hpp"
#include "daskify/os/file_descriptor.hpp"

#include <cstdint>
#include <spawn.h>
#include <string>
#include <vector>

namespace daskify::internal {

/// Moves a descriptor to a number above 3: a child's own overwrite 0 to 3, and a program that closed these may open
/// them again. It is closed on exec. Returns an invalid descriptor, with errno set, when the system refuses.
file_descriptor out_of_the_way(file_descriptor original);

/// A pipe with both descriptors above 3; invalid, with errno set, when the system refuses.
struct pipe_ends {
  file_descriptor read;
  file_descriptor write;
  explicit operator bool() const noexcept { return read && write; }
};
pipe_ends open_pipe();

/// Where a program is looked for.
enum class search : std::uint8_t { path_as_given, in_PATH };

/// Actions on the descriptors of a new process, executed in the order of the calls. Throws std::bad_alloc.
class file_actions {
public:
  file_actions();
  file_actions(const file_actions&) = delete;
  file_actions& operator=(const file_actions&) = delete;
  ~file_actions();

  /// Opens /dev/null for reading as `number`.
  void empty_input(int number);
  /// Duplicates `from`, a descriptor of this process above 3, as `number` in the new process.
  void pass(int from, int number);
  /// Closes `first` and all higher descriptors, which may not all be marked close-on-exec.
  void close_from(int first);

  const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

private:
  posix_spawn_file_actions_t actions_;
};

/// Starts a process as the leader of its own group, with no signal ignored or blocked whatever this program does.
/// `environment` has entries NAME=value; `lifeline` is the end that the child object keeps. Does not copy this
/// process's memory, however large it is. Throws std::system_error with the system's reason. Thread-safe.
child start_process(const std::string& program, search where, std::vector<std::string> arguments,
                    std::vector<std::string> environment, const file_actions& actions, file_descriptor lifeline = {});

} // namespace daskify::internal
