#pragma once

/// The main function of daskify-scheduler.

#include "daskify/config/settings.hpp"

#include <filesystem>
#include <optional>
#include <string_view>

namespace daskify::internal {

struct standing_setup {
  /// Starts workers as the option mode says, and ends them; other workers may join as well.
  bool start_workers = false;
  /// Receives lines: the state of the jobs while the start waits for them, and `ready_word` when the cluster takes
  /// work. Closed at the latest when the start has failed.
  std::optional<int> news_descriptor;
  /// The folder for all logs, made by the process that started this one; none: a new one, as the option log_directory
  /// says.
  std::optional<std::filesystem::path> log_folder;
};

/// The line that reports that the cluster takes work.
inline constexpr std::string_view ready_word{"ready"};

/// Serves programs and workers until SIGTERM, SIGINT, SIGHUP, or a client, ends it; then notifies the workers, and
/// leaves nothing behind. Prints its address. Throws error if it cannot start. REQUIRES: no other thread runs yet.
void run_standing_scheduler(const settings& with, const standing_setup& setup = {});

} // namespace daskify::internal
