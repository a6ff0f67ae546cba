#include "daskify/progress/progress_core.hpp"

#include <algorithm>
#include <cmath>

namespace daskify::internal {

namespace {

using std::chrono::nanoseconds;

constexpr double shortest_memory = 5;        // seconds the rate looks back over
constexpr double few_events = 8;             // ... and events, where they are rare
constexpr double steady_share = 1. / 4;      // of the watched time, for the time left
constexpr double least_evidence = 1;         // seconds before a time left is shown
constexpr double longest_time_left = 3.15e9; // seconds, a century; beyond it is no estimate

double to_seconds(nanoseconds d) {
  return std::chrono::duration<double>{d}.count();
}

void add_counts(progress& sum, const progress& p) {
  sum.pending += p.pending;
  sum.running += p.running;
  sum.finished += p.finished;
  sum.error += p.error;
  sum.cancelled += p.cancelled;
  sum.lost += p.lost;
}

void subtract_counts(progress& sum, const progress& p) {
  sum.pending -= p.pending;
  sum.running -= p.running;
  sum.finished -= p.finished;
  sum.error -= p.error;
  sum.cancelled -= p.cancelled;
  sum.lost -= p.lost;
}

/// The value of `rate` after `silence` without an event, if an event of the usual size happened now; never a higher
/// one.
double after_silence(fading_rate rate, double batch, double silence, double memory) {
  double before = rate.value();
  rate.add(batch, silence, memory);
  return std::min(before, rate.value());
}

} // namespace

void fading_rate::add(double count, double seconds, double memory) {
  double kept = std::exp(-seconds / memory);
  count_ = count_ * kept + count;
  seconds_ = seconds_ * kept + seconds;
}

void progress_core::watch(std::uint64_t run, const progress& counts, time_point now) {
  if (!start_) {
    start_ = now;
    last_event_ = now;
  }
  replace(runs_[run], counts, now);
}

void progress_core::update(std::uint64_t run, const progress& counts, time_point now) {
  auto found = runs_.find(run);
  if (found == runs_.end())
    return;
  auto done_before = found->second.done();
  if (counts.done() > done_before)
    count_event(counts.done() - done_before, now);
  replace(found->second, counts, now);
}

void progress_core::replace(progress& old, const progress& counts, time_point now) {
  subtract_counts(sum_, old);
  add_counts(sum_, counts);
  old = counts;
  if (!sum_.ended())
    end_.reset();
  else if (!end_)
    end_ = std::max(now, last_event_);
}

void progress_core::count_event(std::uint64_t ended, time_point now) {
  now = std::max(now, last_event_);
  auto count = static_cast<double>(ended);
  double seconds = to_seconds(now - last_event_);
  last_event_ = now;
  ended_ += ended;

  events_ = std::min(events_ + 1, few_events);
  batch_ += (count - batch_) / events_;
  interval_ += (seconds - interval_) / events_;
  recent_.add(count, seconds, short_memory());
  steady_.add(count, seconds, long_memory());
}

double progress_core::short_memory() const {
  return std::max(shortest_memory, few_events * interval_);
}

double progress_core::long_memory() const {
  double watched = to_seconds(last_event_ - *start_);
  double round = ended_ > 0 ? watched * static_cast<double>(sum_.running) / static_cast<double>(ended_) : 0;
  return std::max({short_memory(), steady_share * watched, round});
}

snapshot progress_core::at(time_point now) const {
  snapshot s;
  s.counts = sum_;
  s.counts.total = sum_.pending + sum_.running + sum_.done();
  if (!start_)
    return s;
  if (end_) {
    s.elapsed = *end_ - *start_;
    s.rate = s.elapsed > nanoseconds{0} ? static_cast<double>(ended_) / to_seconds(s.elapsed) : 0;
    s.remaining = nanoseconds{0};
    return s;
  }
  now = std::max(now, last_event_);
  double silence = to_seconds(now - last_event_);
  s.elapsed = now - *start_;
  s.rate = after_silence(recent_, batch_, silence, short_memory());
  // Until as many tasks have ended as are running, the first round is not complete: the few that have ended do not
  // represent those that started with them.
  if (to_seconds(s.elapsed) >= least_evidence && ended_ >= sum_.running)
    s.remaining = time_left(silence);
  return s;
}

std::optional<nanoseconds> progress_core::time_left(double silence) const {
  double rate = after_silence(steady_, batch_, silence, long_memory());
  if (rate <= 0)
    return std::nullopt;
  // The next event is due `silence` sooner, so that the time left decreases between events. An overdue event gets
  // another quarter of the silence, so that the time left never stays at 0.
  auto to_do = static_cast<double>(sum_.pending + sum_.running);
  double next = std::min(batch_, to_do);
  double wait = std::max(next / rate - silence, silence / 4);
  double seconds = (to_do - next) / rate + wait;
  if (seconds > longest_time_left)
    return std::nullopt;
  return std::max(nanoseconds{1}, std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>{seconds}));
}

} // namespace daskify::internal
