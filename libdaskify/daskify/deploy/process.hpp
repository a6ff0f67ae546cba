#pragma once

/// One child process of ours: how it is started, how it is ended, and what became of it.
///
/// A child never outlives its parent by accident. It gets the read end of a pipe, its **lifeline**, whose
/// write end only the parent holds: however the parent ends, the child reads end-of-file there. It leads a
/// process group of its own, so a terminal's Ctrl-C does not reach it, and what its tasks started can be
/// ended with it.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <variant>
#include <vector>

namespace daskify::internal {

/// The file descriptor at which a child finds its lifeline. Nothing is ever written to it.
inline constexpr int lifeline_descriptor = 3;

/// Sole owner of an open file descriptor, or of none.
class file_descriptor {
public:
  file_descriptor() = default;
  explicit file_descriptor(int number) noexcept : number_{number} {}
  file_descriptor(file_descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  file_descriptor& operator=(file_descriptor&& other) noexcept;
  ~file_descriptor() { reset(); }

  int get() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }
  void reset() noexcept;

private:
  int number_ = -1;
};

/// Opens what is closed of 0, 1 and 2 as /dev/null, so that nothing else comes to be the program's input or output.
void keep_standard_descriptors();

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

/// The count of processes killed for want of memory in a control group's `memory.events` (version 2) or
/// `memory.oom_control` (version 1).
std::optional<std::uint64_t> parse_oom_kills(std::string_view text);

/// The same count for the control group of this process; nothing when there is no such file.
std::optional<std::uint64_t> oom_kills();

/// Where a program is looked for.
enum class search : std::uint8_t { path_as_given, in_PATH };

struct spawn_request {
  /// "/proc/self/exe" is this program, even if its file was replaced.
  std::filesystem::path program;
  std::vector<std::string> arguments; ///< argv, beginning with the program's name
  /// Added to the environment of this process, in place of variables of the same name.
  std::vector<std::pair<std::string, std::string>> environment;
  std::filesystem::path log; ///< output and errors are appended here; made with mode 0600
  search where = search::path_as_given;
  std::string left_out{};       ///< variables of this process that begin so are not passed on; "": all are
  std::vector<unsigned> cpus{}; ///< that it is bound to; empty: to those of the calling thread
};

class file_actions; // these two: start_process.hpp
enum class search : std::uint8_t;

/// A child process and its lifeline. Its destructor kills what still runs of it and waits for its end. In a
/// process forked from the one that spawned it, it does nothing. Not thread-safe.
class child {
public:
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
  friend child start_process(const std::string&, search, std::vector<std::string>, std::vector<std::string>,
                             const file_actions&, file_descriptor);
  child(pid_t pid, file_descriptor lifeline) noexcept;

  bool is_ours() const noexcept;

  child_id id_;
  pid_t pid_;
  pid_t parent_;
  file_descriptor ended_;
  file_descriptor lifeline_;
  std::optional<exit_status> status_;
};

/// Starts a child with empty input, default signal handling and no descriptor of ours beyond the lifeline.
/// Throws cluster_error(worker_failed) when the program cannot be started. Thread-safe, as long as no other
/// thread changes the environment.
child spawn(const spawn_request& request);

} // namespace daskify::internal
