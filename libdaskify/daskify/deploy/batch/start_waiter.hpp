#pragma once

#include "daskify/config/settings.hpp"
#include "daskify/deploy/batch/start_deadline.hpp"
#include "daskify/deploy/fleet_report.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>

namespace daskify::internal {

/// Decides what a start that waits for jobs does next. Pure: knows no clock. Not thread-safe.
class start_waiter {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Least time between two lines; faster changes are skipped.
  static constexpr auto line_interval = std::chrono::milliseconds{250};

  struct step {
    enum : std::uint8_t { go_on, give_up, show, wait } what;
    time_point until{}; ///< for `wait`, unless something changes before
  };

  /// Waits for `jobs`.
  start_waiter(const settings& options, std::size_t jobs, time_point now)
      : deadline_{options, now},
        jobs_{jobs},
        is_silent_{options.progress == progress_style::off},
        next_line_{now + line_interval} {}

  /// `ready`: jobs whose workers are ready. After `show`, the caller shows the report's sentence and calls `shown`.
  step next(time_point now, const fleet_report& report, std::size_t ready) {
    if (ready >= jobs_)
      return {step::go_on};
    auto latest = deadline_.when(report.pending, ready, now);
    if (now >= latest)
      return {step::give_up};
    bool is_new = !is_silent_ && report.sentence != shown_;
    if (is_new && now >= next_line_)
      return {step::show};
    return {step::wait, is_new ? std::min(next_line_, latest) : latest};
  }

  void shown(time_point now, std::string sentence) {
    shown_ = std::move(sentence);
    next_line_ = now + line_interval;
  }

private:
  start_deadline deadline_;
  std::size_t jobs_;
  bool is_silent_;
  std::string shown_;
  time_point next_line_;
};

} // namespace daskify::internal
