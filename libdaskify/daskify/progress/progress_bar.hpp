#pragma once

/// Shows progress on a file descriptor: a bar redrawn in place on a terminal, a line now and then elsewhere.
///
/// Thread-safety: none; one thread at a time.

#include "daskify/options.hpp"
#include "daskify/progress/progress_text.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace daskify::internal {

/// A display that cannot be written to falls silent: it never throws, never raises SIGPIPE and never stops
/// what it shows. A bar changes nothing about the terminal that would have to be put back after a crash.
///
/// Obeys TERM (`dumb` or none: no bar), NO_COLOR, COLUMNS (where the terminal does not know its width) and
/// LC_ALL, LC_CTYPE, LANG (not UTF-8: ASCII only).
class progress_bar {
public:
  using clock = std::function<std::chrono::steady_clock::time_point()>;

  /// Writes to `descriptor`, which stays the caller's.
  progress_bar(int descriptor, progress_style style, clock now = &std::chrono::steady_clock::now);

  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;

  /// Ends the line of a bar that was not finished.
  ~progress_bar();

  /// Call it at every event, and once a second where there are none: what comes too fast is left out. A bar
  /// is redrawn at most 20 times a second, at the width the terminal has at that moment; lines come first at
  /// once, then after 1, 2, 5, 10, 20, 30 s, then every 60 s.
  void show(const snapshot& s);

  /// The last state, which is always shown, and a newline. Further calls do nothing.
  void finish(const snapshot& s);

  /// What `automatic` came to: `bar` or `lines`; otherwise as asked for, or `off` once writing failed.
  progress_style style() const noexcept { return style_; }

private:
  void draw(const snapshot& s, bool last);
  void write(const std::string& text);

  int descriptor_;
  progress_style style_;
  bar_look look_;
  clock now_;
  std::optional<std::chrono::steady_clock::time_point> due_; // of the next drawing
  std::size_t lines_ = 0;                                    // written so far
  bool line_open_ = false;                                   // a bar stands in the line of the cursor
  bool finished_ = false;
};

} // namespace daskify::internal
