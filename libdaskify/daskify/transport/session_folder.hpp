#pragma once

/// The private folder in which the processes of one session find each other: logs, and the connection file
/// that says where the scheduler listens and holds the secret that lets a process in.

#include "daskify/transport/endpoint.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace daskify::internal {

/// `bytes` random bytes of the kernel's as hexadecimal digits.
/// Throws cluster_error(session_failed) when the kernel has none.
std::string random_hex(std::size_t bytes);

/// Whether it is of the form of a secret: 32 bytes as hexadecimal digits.
bool is_secret(std::string_view text);

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

/// What a process must know to join a session. Words have no blanks; a secret is 32 bytes as 64 hex digits.
struct connection {
  std::string session_id;
  std::vector<endpoint> addresses; ///< at least one, best first
  std::string secret = {};
  process_identity owner; ///< the session ends with this process
  std::string build_id;

  bool operator==(const connection&) const = default;
};

std::string format_connection(const connection& what);

/// Throws cluster_error(session_failed) for every text that `format_connection` does not give for a valid
/// connection; `file` is named in the message.
connection parse_connection(std::string_view text, const std::filesystem::path& file);

/// Makes a folder that `option` names, with those above it. Throws cluster_error(session_failed).
void make_folder(const std::filesystem::path& path, const char* option);

/// A name for a session's folder: copying one copies no folder, destroying one removes none. Every process of
/// the session may use its own, at the same time. All calls but `remove` throw cluster_error(session_failed).
class session_folder {
public:
  static constexpr auto connection_file = "scheduler";

  /// Makes `<base>/daskify-<uid>-XXXXXX`, mode 0700. Without a base: in XDG_RUNTIME_DIR when that is a folder
  /// of ours, else in /tmp.
  static session_folder create(const std::filesystem::path& base = {});

  /// The folder where others look for a standing cluster: made, mode 0700, where it is not there. Held by this process
  /// until the last copy of the answer is gone; throws, naming it, while another scheduler that lives holds it. What
  /// one that is dead has left there is replaced.
  static session_folder claim(const std::filesystem::path& folder);

  /// Whether a scheduler has told in this folder where it is. Throws cluster_error(session_failed) when that cannot be
  /// seen.
  static bool is_told_in(const std::filesystem::path& folder);

  /// Refuses what is not a folder, not ours, or open to others.
  static session_folder open(const std::filesystem::path& folder);

  /// Removes our folders in `base` (found as by `create`) whose owner is gone, or that have been without a
  /// connection file for 10 minutes. What is not surely ours and surely dead stays. Returns how many it
  /// removed.
  static std::size_t sweep_stale(const std::filesystem::path& base = {});

  /// One of our folders, as `list` finds it.
  struct listed;
  /// All of our folders in `base` (found as by `create`), by name.
  static std::vector<listed> list(const std::filesystem::path& base = {});

  const std::filesystem::path& path() const noexcept { return path_; }

  /// Writes the connection file; readers see the old one or the new one, whole.
  void publish(const connection& what) const;

  connection read_connection() const;

  /// Deletes the folder and all in it, following no symbolic link. True when it is gone, whoever removed it. A folder
  /// that was claimed may be an older one with other things in it: only what is the session's own is deleted.
  bool remove() const noexcept;

  /// In a folder that others have claimed: deletes what a dead scheduler has left. True when it did.
  bool remove_if_abandoned(const std::function<bool(const connection&)>& is_dead = owner_is_gone) const noexcept;

private:
  static bool owner_is_gone(const connection& told) { return is_gone(told.owner); }

  explicit session_folder(std::filesystem::path path) : path_{std::move(path)} {}

  std::filesystem::path path_;
  std::shared_ptr<const void> claim_; ///< the lock; none: it is not claimed
};

struct session_folder::listed {
  session_folder folder;
  std::optional<connection> where; ///< none: it has no connection file, or one that cannot be read
  bool is_stale = false;           ///< what `sweep_stale` removes
};

} // namespace daskify::internal
