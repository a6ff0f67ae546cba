#pragma once

/// Shows progress on a file descriptor: a bar redrawn in place on a terminal, a line at intervals elsewhere.
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

/// A display that cannot be written to becomes silent: it never throws, never raises SIGPIPE and never stops the work
/// that it shows. A bar changes no state of the terminal that would have to be restored after a crash.
///
/// Obeys TERM (`dumb` or none: no bar), NO_COLOR, COLUMNS (if the terminal does not report its width) and LC_ALL,
/// LC_CTYPE, LANG (not UTF-8: ASCII only).
class progress_bar {
public:
  using clock = std::function<std::chrono::steady_clock::time_point()>;

  /// Writes to `descriptor`, which the caller still owns.
  progress_bar(int descriptor, progress_style style, clock now = &std::chrono::steady_clock::now);

  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;

  /// Ends the line of a bar that was not finished.
  ~progress_bar();

  /// To be called at every event, and once a second without events; calls that follow too fast are skipped. A bar is
  /// redrawn at most 20 times a second, at the current width of the terminal; the first line is written at once, the
  /// next ones after 1, 2, 5, 10, 20, 30 s, then every 60 s.
  void show(const snapshot& s);

  /// Always shows the last state, and a newline. Further calls do nothing.
  void finish(const snapshot& s);

  /// The style chosen for `automatic`: `bar` or `lines`; otherwise the requested style, or `off` once writing failed.
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
  bool line_open_ = false;                                   // the line of the cursor holds an unfinished bar
  bool finished_ = false;
};

} // namespace daskify::internal
