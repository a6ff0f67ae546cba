#include "daskify/progress/staffing_notice.hpp"

#include <algorithm>

namespace daskify::internal {

bool staffing_notice::is_due(time_point now, staffing there) const {
  if (there == staffing::none)
    return now - *none_since_ >= patience_with_none;
  return told_of_none_ || (now - *few_since_ >= patience_with_some && now >= again_);
}

std::string staffing_notice::take(time_point now, staffing there, const std::string& words) {
  if (there == staffing::full) {
    bool was_told = !told_.empty();
    *this = staffing_notice{};
    return was_told ? words : std::string{};
  }
  if (!few_since_)
    few_since_ = now;
  if (there != staffing::none)
    none_since_.reset();
  else if (!none_since_)
    none_since_ = now;
  if (!is_due(now, there) || told_ == words)
    return {};
  told_of_none_ = there == staffing::none;
  again_ = now + interval_;
  if (there == staffing::some)
    interval_ = std::min(2 * interval_, longest_interval);
  return told_ = words;
}

} // namespace daskify::internal
