#pragma once

/// The main function of daskify-scheduler.

#include "daskify/config/settings.hpp"

namespace daskify::internal {

/// Serves programs and workers until SIGTERM, SIGINT or SIGHUP; then the workers are told, and nothing is left. Prints
/// where it listens. Throws error when it cannot start. REQUIRES: no other thread runs yet.
void run_standing_scheduler(const settings& with);

} // namespace daskify::internal
