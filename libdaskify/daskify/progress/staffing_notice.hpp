#pragma once

/// What is said on stderr while a program waits for its tasks.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace daskify::internal {

/// How many work, of those that should.
enum class staffing : std::uint8_t { full, some, none };

/// Decides when somebody who waits should hear that too few work on it: of nobody, as often as what is known of that
/// changes; of some, now and then; not for a moment when one takes another's place; and then that all is well again.
/// Not thread-safe.
class staffing_notice {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds patience_with_none{3};
  static constexpr std::chrono::seconds patience_with_some{10};
  static constexpr std::chrono::minutes first_interval{1}; ///< between two notices of some; doubled each time
  static constexpr std::chrono::minutes longest_interval{32};

  /// Nobody may have worked `since` then.
  explicit staffing_notice(std::optional<time_point> since = {}) : none_since_{since}, few_since_{since} {}

  /// `now` so many work, in these words. What is to be said of that; "" for nothing new.
  std::string take(time_point now, staffing there, const std::string& words);

private:
  bool is_due(time_point now, staffing there) const;

  std::optional<time_point> none_since_;
  std::optional<time_point> few_since_; ///< none, or some
  std::string told_;                    ///< of that; "" while all is well
  bool told_of_none_ = false;
  time_point again_{}; ///< some may be told of then
  std::chrono::minutes interval_ = first_interval;
};

} // namespace daskify::internal
