#pragma once

/// Formats a snapshot for users. Pure; no text ends with a newline.

#include "daskify/progress/progress_core.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace daskify::internal {

/// What the terminal can show.
struct bar_look {
  bool unicode = false; ///< UTF-8 line-drawing characters, else ASCII only
  bool colour = false;  ///< ANSI colours, red for errors only; they take no columns
};

/// ` 54% ━━━━━━━╸──────  540/1000  532 finished  8 errors  120/s  1:05 left`, in at most `width` columns.
/// If space is scarce, parts are dropped one by one, the least important first; the bar is the last to remain.
std::string bar_line(const snapshot& s, unsigned width, bar_look look);

/// `540 of 1000 tasks done (54%): 532 finished, 8 errors; 120/s, 1:05 left`.
std::string plain_line(const snapshot& s);

/// `99999`, `123k`, `5.00M`: rounded down, so that 999 999 of a million do not look complete.
std::string count_text(std::uint64_t count);

/// `1.2k/s`, `120/s`, `4.5/s`, and below one per second `12/min` or `30/h`.
std::string rate_text(double per_second);

/// `0:07`, `1:05`, `2h 03m`, `3d 4h`: rounded down.
std::string duration_text(std::chrono::nanoseconds d);

} // namespace daskify::internal
