#include "daskify/deploy/batch/query_schedule.hpp"

#include <algorithm>
#include <utility>

namespace daskify::internal {

void query_schedule::submitted(time_point now) {
  interval_ = intervals_.first;
  next_ = std::min(next_, now + interval_);
}

void query_schedule::urgent(time_point now) {
  if (failing_ && !open_)
    return;
  urgent_ = true;
  interval_ = intervals_.shortest;
  next_ = std::min(next_, now);
}

void query_schedule::observe(time_point now, bool quiet) {
  if (was_quiet_ && !quiet)
    submitted(now);
  else if (!was_quiet_ && quiet && last_query_ && !urgent_)
    next_ = *last_query_ + intervals_.quiet;
  was_quiet_ = quiet;
}

bool query_schedule::is_due(time_point now) const {
  return !open_ && now >= next_ && (!last_query_ || now >= *last_query_ + intervals_.shortest);
}

void query_schedule::begin(time_point now, const std::vector<std::string>& units) {
  asked_.insert(units.begin(), units.end());
  open_ = true;
  urgent_ = false;
  last_query_ = now;
  next_ = time_point::max(); // until the answer
}

std::optional<std::set<std::string>> query_schedule::answered() {
  if (!std::exchange(open_, false))
    return {};
  failing_ = false;
  last_answer_ = last_query_;
  return std::exchange(asked_, {});
}

void query_schedule::answer_done(time_point now, bool changed, bool quiet) {
  if (!changed)
    interval_ = std::min(2 * interval_, intervals_.longest);
  next_ = urgent_ ? now : now + (quiet ? intervals_.quiet : interval_);
  was_quiet_ = quiet;
}

bool query_schedule::failed(time_point now, const std::string& why) {
  if (!std::exchange(open_, false))
    return false;
  asked_.clear();
  failing_ = true;
  problem_ = why;
  interval_ = std::max(intervals_.shortest, std::min(2 * interval_, intervals_.longest));
  next_ = now + interval_;
  return true;
}

} // namespace daskify::internal
