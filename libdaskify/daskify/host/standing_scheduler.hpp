#pragma once

/// The main function of daskify-scheduler.

#include "daskify/config/settings.hpp"

#include <filesystem>
#include <optional>
#include <string_view>

namespace daskify::internal {

struct standing_setup {
  /// It starts workers as the option mode says, and ends them; others may join all the same.
  bool start_workers = false;
  /// Gets lines: how the jobs are while the start waits for them, and `ready_word` when the cluster takes work. Closed
  /// at the latest when it cannot.
  std::optional<int> news_descriptor;
  /// Of whoever started it, for all logs; none: one of its own, as the option log_directory says.
  std::optional<std::filesystem::path> log_folder;
};

/// The line that says that the cluster takes work.
inline constexpr std::string_view ready_word{"ready"};

/// Serves programs and workers until SIGTERM, SIGINT, SIGHUP, or a client, ends it; then the workers are told, and
/// nothing is left. Prints where it listens. Throws error when it cannot start. REQUIRES: no other thread runs yet.
void run_standing_scheduler(const settings& with, const standing_setup& setup = {});

} // namespace daskify::internal
