#pragma once

/// Lines for the person at the terminal.

#include <string>

namespace daskify::internal {

/// Writes a line to stderr, above a progress bar that is drawn there. Gives up after 1 s on a terminal that was stopped
/// (Ctrl-S), or a full pipe; errors are ignored. Thread-safe.
void notice(const std::string& text);

/// The same on stdout, for results: no bar is drawn there.
void print_line(const std::string& text);

} // namespace daskify::internal
