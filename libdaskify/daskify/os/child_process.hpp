#pragma once

/// One child process of ours: how it is started, how it is ended, and what became of it.
///
/// A child never outlives its parent by accident. It gets the read end of a pipe, its **lifeline**, whose
/// write end only the parent holds: however the parent ends, the child reads end-of-file there. It leads a
/// process group of its own, so a terminal's Ctrl-C does not reach it, and what its tasks started can be
/// ended with it.

#include "daskify/os/file_descriptor.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <variant>

namespace daskify::internal {

/// The file descriptor at which a child finds its lifeline. Nothing is ever written to it.
inline constexpr int lifeline_descriptor = 3;

/// A descriptor that polls as readable once the process has ended, or at once when there is none; without
/// number, with errno set, when the system refuses.
file_descriptor open_ended_descriptor(pid_t pid);

/// Whether such a descriptor tells of the end within `patience`. Signals that come meanwhile cost no time.
bool ends_within(int ended_descriptor, std::chrono::milliseconds patience);

/// Names a child for as long as the program runs; unlike a pid it is never used twice.
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
  bool out_of_memory = false; ///< the kernel ended a process of our control group for want of memory
  bool operator==(const signalled&) const = default;
};

/// The child ended, but the program took its status away (it ignores SIGCHLD, or waits for any child).
struct unknown_end {
  bool operator==(const unknown_end&) const = default;
};

using exit_status = std::variant<exited, signalled, unknown_end>;

/// Continues a sentence that begins with the child's name: "was killed by signal 11 (segmentation fault)".
std::string explain(const exit_status& status);

/// A child process and its lifeline. Its destructor kills what still runs of it and waits for its end. In a
/// process forked from the one that spawned it, it does nothing. Not thread-safe.
class child {
public:
  /// Takes over `pid`, a process that this process has started, and leads a process group. `lifeline`: the end that is
  /// kept open here, or none.
  child(pid_t pid, file_descriptor lifeline) noexcept;
  child(child&& other) noexcept = default;
  child& operator=(child&& other) = delete;
  ~child();

  child_id id() const noexcept { return id_; }
  pid_t pid() const noexcept { return pid_; }

  /// A descriptor that polls as readable once the child has ended.
  int ended_descriptor() const noexcept { return ended_.get(); }

  /// The end of the lifeline that is kept open here; -1 when there is none any more.
  int lifeline() const noexcept { return lifeline_.get(); }
  /// Asks the child to end: closes its lifeline and sends SIGTERM to it alone.
  void ask_to_end() noexcept;

  /// Kills the child and every process of its group.
  void kill_group() noexcept;

  /// When the child has ended: kills what is left of its group, frees its pid and gives its status; later
  /// calls give the same. Nothing while it runs. Never waits.
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
