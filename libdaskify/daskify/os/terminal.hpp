#pragma once

/// What a display knows of the terminal, or file, that it writes to.

#include <string_view>

namespace daskify::internal {

/// A terminal on which the cursor can be moved.
bool is_able_terminal(int descriptor);

inline constexpr std::string_view clear_to_end = "\x1b[K";

/// Never raises SIGPIPE. Waits as long as the terminal does. False when the rest could not be written.
bool write_all(int descriptor, std::string_view text);
/// The same, but gives up when a terminal that was stopped (Ctrl-S), or a pipe that is full, takes nothing for a
/// second.
bool write_soon(int descriptor, std::string_view text);

} // namespace daskify::internal
