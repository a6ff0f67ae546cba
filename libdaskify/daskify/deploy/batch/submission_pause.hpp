#pragma once

#include "daskify/deploy/batch/backoff.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace daskify::internal {

/// Pauses a fleet's submissions after several failed starts in a row, and then lets it try one job.
class submission_pause {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using seconds = std::chrono::seconds;

  /// Pauses after `failed_starts` in a row, for `first`, then twice as long, and so on up to `longest`.
  submission_pause(std::size_t failed_starts, seconds first, seconds longest)
      : limit_{failed_starts},
        lengths_{first, longest} {}

  /// `count` further starts have failed because of `why`. Returns whether too many have failed in a row.
  bool starts_failed(std::size_t count, std::string why) {
    failed_in_a_row_ += count;
    problem_ = std::move(why);
    return failed_in_a_row_ >= limit_;
  }
  /// Begins a pause. A current pause is not prolonged.
  void begin(time_point now, std::string why) {
    problem_ = std::move(why);
    failed_in_a_row_ = std::max(failed_in_a_row_, limit_);
    if (until_)
      return;
    length_ = lengths_.next();
    until_ = now + length_;
    probing_ = false;
  }
  /// A start has succeeded. A current pause continues, because if one machine of many is broken some jobs start and
  /// others fail at once.
  void start_succeeded() {
    failed_in_a_row_ = 0;
    lengths_.reset();
    probing_ = false;
  }
  /// Ends a pause that is over; then one job is tried.
  void tick(time_point now) {
    if (!until_ || *until_ > now)
      return;
    until_.reset();
    probing_ = failed_in_a_row_ != 0;
  }
  /// The cause of the failures has been removed.
  void forget() {
    start_succeeded();
    until_.reset();
    problem_.clear();
  }

  bool is_on() const noexcept { return until_.has_value(); }
  /// One job is to be tried before others.
  bool is_probing() const noexcept { return probing_; }
  /// Length of the current pause.
  seconds length() const noexcept { return length_; }
  /// Why nothing starts.
  const std::string& problem() const noexcept { return problem_; }

private:
  std::size_t limit_;
  backoff lengths_;
  std::size_t failed_in_a_row_ = 0;
  seconds length_{0};
  std::optional<time_point> until_;
  bool probing_ = false;
  std::string problem_;
};

} // namespace daskify::internal
