#pragma once

/// What is said on stderr while a program waits for its tasks.

#include <chrono>
#include <optional>
#include <string>

namespace daskify::internal {

/// A line of its own on stderr. Where a bar is drawn on that terminal it stands above it, and not in it. May block as
/// long as the terminal does.
void say(const std::string& text);

/// Decides when somebody who waits should hear that nobody works on it: not for a moment when one takes another's
/// place, else as often as what is known of it changes; and when somebody does again. Not thread-safe.
class idle_notice {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds patience{3};

  /// Nobody may have worked `since` then.
  explicit idle_notice(std::optional<time_point> since = {}) : since_{since} {}

  /// `now` somebody works, or nobody does, in these words. What is to be said of that; "" for nothing new.
  std::string take(time_point now, bool somebody_works, const std::string& words);

private:
  std::optional<time_point> since_; ///< nobody works
  std::string told_;                ///< of that
};

} // namespace daskify::internal
