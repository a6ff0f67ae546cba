#pragma once

/// The main function of daskify-scheduler.

#include "daskify/config/settings.hpp"

#include <filesystem>
#include <optional>

namespace daskify::internal {

struct standing_setup {
  /// It starts workers as the option mode says, and ends them; others may join all the same.
  bool start_workers = false;
  /// Told when the cluster takes work (see `ready_word`), and closed at the latest when it cannot.
  std::optional<int> news_descriptor;
  /// Of whoever started it, for all logs; none: one of its own, as the option log_directory says.
  std::optional<std::filesystem::path> log_folder;
};

/// What is written when the cluster takes work.
inline constexpr char ready_word[] = "ready\n";

/// Serves programs and workers until SIGTERM, SIGINT, SIGHUP, or a client, ends it; then the workers are told, and
/// nothing is left. Prints where it listens. Throws error when it cannot start. REQUIRES: no other thread runs yet.
void run_standing_scheduler(const settings& with, const standing_setup& setup = {});

} // namespace daskify::internal
