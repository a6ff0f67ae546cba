#pragma once

/// Identifies a process and its machine, so that its end can be detected after its connection is lost.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace daskify::internal {

/// Identifies a process uniquely, even if its pid is reused.
struct process_identity {
  pid_t pid = 0;
  std::uint64_t start_time = 0;    ///< clock ticks since the machine was started
  std::string boot_id;             ///< of the running kernel, and thereby of the machine
  std::uint64_t pid_namespace = 0; ///< in which the pid is valid
  std::string host;                ///< as its machine calls itself; not unique

  bool operator==(const process_identity&) const = default;
};

/// Throws cluster_error(session_failed) when /proc cannot be read.
process_identity this_process();

/// Whether the pid is valid on this machine and in this namespace.
bool is_of_this_machine(const process_identity& process);

/// True only if the process has certainly ended; false for processes of other machines or containers.
bool is_gone(const process_identity& process);

/// Whether the process belongs to another boot of a machine with this host name, presumably an earlier boot of this
/// machine.
bool is_of_an_earlier_boot(const process_identity& process);

struct process_stat {
  char state;
  std::uint64_t start_time;
  bool operator==(const process_stat&) const = default;
};

/// Parses the text of `/proc/<pid>/stat`; nothing if it is malformed.
std::optional<process_stat> parse_process_stat(std::string_view text);

/// The name of this machine, as it calls itself.
std::string host_name();

} // namespace daskify::internal
