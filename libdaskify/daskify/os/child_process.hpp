#pragma once

/// A child process: its lifeline, its termination and its exit status.
///
/// A child does not outlive its parent by accident: it holds the read end of a pipe, its **lifeline**, and only the
/// parent holds the write end, so that the child reads end-of-file however the parent ends. A child leads its own
/// process group, so that a terminal's Ctrl-C does not reach it, and the processes started by its tasks can be ended
/// with it.

#include "daskify/os/file_descriptor.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <variant>

namespace daskify::internal {

/// The file descriptor of the lifeline in a child. Nothing is ever written to it.
inline constexpr int lifeline_descriptor = 3;

/// Opens a descriptor that polls as readable once the process has ended, or at once if there is no such process.
/// Returns an invalid descriptor, with errno set, when the system refuses.
file_descriptor open_ended_descriptor(pid_t pid);

/// Returns whether a descriptor of open_ended_descriptor becomes readable within `patience`. Signals do not prolong the
/// wait.
bool ends_within(int ended_descriptor, std::chrono::milliseconds patience);

/// Identifies a child for the lifetime of the program; unlike a pid, never reused.
enum class child_id : std::uint64_t {};

/// The child returned from main or called exit.
struct exited {
  int code;
  bool operator==(const exited&) const = default;
};

/// A signal ended the child.
struct signalled {
  int number;
  bool core_dumped = false;
  bool out_of_memory = false; ///< the kernel killed a process of our control group for lack of memory
  bool operator==(const signalled&) const = default;
};

/// The child ended, but its status was lost (this program ignores SIGCHLD, or waits for any child).
struct unknown_end {
  bool operator==(const unknown_end&) const = default;
};

using exit_status = std::variant<exited, signalled, unknown_end>;

/// Continues a sentence that begins with the child's name: "was killed by signal 11 (segmentation fault)".
std::string explain(const exit_status& status);

/// A child process and its lifeline. The destructor kills the remaining processes of the group and waits for the
/// child's end. In a process forked from the one that spawned the child, it does nothing. Not thread-safe.
class child {
public:
  /// Takes over `pid`, a process started by this process that leads a process group. `lifeline` is the end that is kept
  /// open here, or none.
  child(pid_t pid, file_descriptor lifeline) noexcept;
  child(child&& other) noexcept = default;
  child& operator=(child&& other) = delete;
  ~child();

  child_id id() const noexcept { return id_; }
  pid_t pid() const noexcept { return pid_; }

  /// A descriptor that polls as readable once the child has ended.
  int ended_descriptor() const noexcept { return ended_.get(); }

  /// The end of the lifeline that is kept open here; -1 if none is open.
  int lifeline() const noexcept { return lifeline_.get(); }
  /// Asks the child to end: closes its lifeline and sends SIGTERM to it alone.
  void ask_to_end() noexcept;

  /// Kills the child and every process of its group.
  void kill_group() noexcept;

  /// If the child has ended, kills the rest of its group, releases its pid and returns its status; later calls return
  /// the same status. Returns nothing while the child runs. Never blocks.
  std::optional<exit_status> reap() noexcept;

private:
  bool is_ours() const noexcept;

  child_id id_;
  pid_t pid_;
  pid_t parent_;
  file_descriptor ended_;
  file_descriptor lifeline_;
  std::optional<exit_status> status_;
};

} // namespace daskify::internal
