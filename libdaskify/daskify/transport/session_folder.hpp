#pragma once

/// The private folder in which the processes of one session find each other. It contains the connection file, with the
/// scheduler's addresses and the secret that admits a process.

#include "daskify/transport/connection.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace daskify::internal {

/// A name for a session's folder: copying it copies no folder, destroying it removes none. Every process of the session
/// may use its own concurrently. All calls but `remove` throw cluster_error(session_failed).
class session_folder {
public:
  static constexpr auto connection_file = "scheduler";

  /// Creates `<base>/daskify-<uid>-XXXXXX`, mode 0700. The default base is XDG_RUNTIME_DIR if that is a folder of ours,
  /// else /tmp.
  static session_folder create(const std::filesystem::path& base = {});

  /// Claims the folder in which others look for a standing cluster; creates it, mode 0700, if it does not exist. The
  /// claim lasts until the last copy of the result is destroyed. Throws, naming the folder, while another living
  /// scheduler holds it. Files left by a dead scheduler are replaced.
  static session_folder claim(const std::filesystem::path& folder);

  /// Whether a scheduler has published its addresses in this folder. Throws cluster_error(session_failed) if that
  /// cannot be determined.
  static bool is_told_in(const std::filesystem::path& folder);

  /// Rejects a path that is not a folder, not ours, or open to others.
  static session_folder open(const std::filesystem::path& folder);

  /// Removes our folders in `base` (default as in `create`) whose owner has ended, or that have had no connection file
  /// for 10 minutes. Keeps folders that are not certainly ours and stale. Returns the number of removed folders.
  static std::size_t sweep_stale(const std::filesystem::path& base = {});

  /// One of our folders, as `list` returns it.
  struct listed;
  /// All of our folders in `base` (default as in `create`), sorted by name.
  static std::vector<listed> list(const std::filesystem::path& base = {});

  const std::filesystem::path& path() const noexcept { return path_; }

  /// Writes the connection file atomically: readers see the old or the new content.
  void publish(const connection& what) const;

  connection read_connection() const;

  /// Deletes the folder and its content, following no symbolic link. Returns true if it no longer exists, whoever
  /// removed it. A claimed folder may be older and contain other files: only the session's own files are deleted.
  bool remove() const noexcept;

  /// In a folder claimed by another process: deletes the files of a dead scheduler. Returns true if it did.
  bool remove_if_abandoned(const std::function<bool(const connection&)>& is_dead = owner_is_gone) const noexcept;

private:
  static bool owner_is_gone(const connection& told) { return is_gone(told.owner); }

  explicit session_folder(std::filesystem::path path) : path_{std::move(path)} {}

  std::filesystem::path path_;
  std::shared_ptr<const void> claim_; ///< the lock; none: not claimed
};

struct session_folder::listed {
  session_folder folder;
  std::optional<connection> where; ///< none: the connection file is missing or unreadable
  bool is_stale = false;           ///< `sweep_stale` removes it
};

} // namespace daskify::internal
