#pragma once

/// Notices on stderr while a program waits for its tasks.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace daskify::internal {

/// How many of the intended workers are at work.
enum class staffing : std::uint8_t { full, some, none };

/// Decides when a waiting user is notified that too few workers are at work: without any, at each change of the text;
/// with some, at growing intervals; not while one is briefly replaced; and once when all are back. Not thread-safe.
class staffing_notice {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds patience_with_none{3};
  static constexpr std::chrono::seconds patience_with_some{10};
  static constexpr std::chrono::minutes first_interval{1}; ///< between notices while some work; doubled each time
  static constexpr std::chrono::minutes longest_interval{32};

  /// `since`: from when on there may have been no workers.
  explicit staffing_notice(std::optional<time_point> since = {}) : none_since_{since}, few_since_{since} {}

  /// Takes the staffing at `now`, which `words` describe. Returns the notice to print; "" if there is nothing new.
  std::string take(time_point now, staffing there, const std::string& words);

private:
  bool is_due(time_point now, staffing there) const;

  std::optional<time_point> none_since_;
  std::optional<time_point> few_since_; ///< since when not full
  std::string told_;                    ///< the last notice; "" while full
  bool told_of_none_ = false;
  time_point again_{}; ///< when the next notice is due while some work
  std::chrono::minutes interval_ = first_interval;
};

} // namespace daskify::internal
