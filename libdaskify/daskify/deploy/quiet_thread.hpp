#pragma once

#include <functional>
#include <thread>

namespace daskify::internal {

/// Starts a thread that takes no signals: they are for the user's program, and SIGPIPE is for nobody. Throws
/// std::system_error, and leaves the signals of this thread as they were.
std::thread start_thread(const char* name, std::function<void()> run);

} // namespace daskify::internal
