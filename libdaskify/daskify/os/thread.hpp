#pragma once

#include <functional>
#include <thread>

namespace daskify::internal {

/// Starts a thread that takes no signals: they are for the user's program, and SIGPIPE is for nobody. `name`: at most
/// 15 characters. Throws cluster_error(session_failed); the signals of this thread stay as they were.
std::thread start_thread(const char* name, std::function<void()> run);

} // namespace daskify::internal
