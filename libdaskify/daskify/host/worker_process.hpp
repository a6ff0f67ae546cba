#pragma once

/// The main function of a worker's process.

#include "daskify/launch/launch_variables.hpp"

namespace daskify::internal {

/// Connects, enrols, runs tasks until the session ends, and ends the process.
[[noreturn]] void become_worker(const worker_launch& as);

} // namespace daskify::internal
