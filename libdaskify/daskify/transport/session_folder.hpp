#pragma once

/// The private folder in which the processes of one session find each other: in it is the connection file, which says
/// where the scheduler listens and holds the secret that lets a process in.

#include "daskify/transport/connection.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace daskify::internal {

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
