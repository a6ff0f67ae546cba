#pragma once

/// Which process of which machine: whether it still lives can be asked after it has left the connection.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace daskify::internal {

/// One process, told from every other that has or will have the same pid.
struct process_identity {
  pid_t pid = 0;
  std::uint64_t start_time = 0;    ///< clock ticks since the machine was started
  std::string boot_id;             ///< of the running kernel, so of the machine
  std::uint64_t pid_namespace = 0; ///< a pid means something only within one
  std::string host;                ///< as its machine calls itself; many may be called the same

  bool operator==(const process_identity&) const = default;
};

/// Throws cluster_error(session_failed) when /proc cannot be read.
process_identity this_process();

/// Whether the pid means something here.
bool is_of_this_machine(const process_identity& process);

/// True only when the process has ended for certain; one of another machine or container may live.
bool is_gone(const process_identity& process);

/// Whether it is of a machine of this one's name that was running before this one was started: of this one, it seems.
bool is_of_an_earlier_boot(const process_identity& process);

struct process_stat {
  char state;
  std::uint64_t start_time;
  bool operator==(const process_stat&) const = default;
};

/// What the text of `/proc/<pid>/stat` says; nothing when it is not such a text.
std::optional<process_stat> parse_process_stat(std::string_view text);

/// Of this machine, as it calls itself.
std::string host_name();

} // namespace daskify::internal
