#pragma once

#include <functional>
#include <thread>

namespace daskify::internal {

/// Starts a thread that blocks all signals: they are for the user's program, and SIGPIPE is not wanted at all. `name`:
/// at most 15 characters. Throws cluster_error(session_failed). The mask of the calling thread does not change.
std::thread start_thread(const char* name, std::function<void()> run);

} // namespace daskify::internal
