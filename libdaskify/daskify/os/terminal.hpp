#pragma once

/// Properties of, and writes to, the terminal or file of a display.

#include <string_view>

namespace daskify::internal {

/// Whether the cursor can be moved on it.
bool is_able_terminal(int descriptor);

inline constexpr std::string_view clear_to_end = "\x1b[K";

/// Never raises SIGPIPE. Blocks as long as the terminal does. Returns false if the rest could not be written.
bool write_all(int descriptor, std::string_view text);
/// The same, but gives up when a stopped terminal (Ctrl-S) or a full pipe accepts nothing for 1 s.
bool write_soon(int descriptor, std::string_view text);

} // namespace daskify::internal
