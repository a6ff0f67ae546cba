#include "daskify/deploy/batch/start_waiter.hpp"

#include <gtest/gtest.h>

namespace daskify::internal {
namespace {

using namespace std::chrono_literals;

settings patient() {
  settings all;
  all.start_timeout = 60s;
  all.queue_timeout = 1h;
  return all;
}

fleet_report saying(std::string sentence, std::size_t pending = 0) {
  fleet_report report;
  report.sentence = std::move(sentence);
  report.pending = pending;
  return report;
}

TEST(start_waiter, goes_on_as_soon_as_enough_jobs_are_ready) {
  start_waiter waiter{patient(), 2, {}};
  EXPECT_EQ(waiter.next({}, saying("1 of 2"), 1).what, start_waiter::step::wait);
  EXPECT_EQ(waiter.next({}, saying("2 of 2"), 2).what, start_waiter::step::go_on);
}

TEST(start_waiter, gives_up_after_start_timeout_and_later_where_jobs_are_queued) {
  start_waiter::time_point begin{};
  start_waiter waiter{patient(), 1, begin};
  waiter.shown(begin, "x");
  EXPECT_EQ(waiter.next(begin + 59s, saying("x"), 0).until, begin + 60s);
  EXPECT_EQ(waiter.next(begin + 60s, saying("x"), 0).what, start_waiter::step::give_up);
  EXPECT_EQ(waiter.next(begin + 60s, saying("x", 1), 0).what, start_waiter::step::wait);
}

TEST(start_waiter, shows_what_is_new_but_not_too_often) {
  start_waiter::time_point now{};
  start_waiter waiter{patient(), 1, now};
  auto next = waiter.next(now, saying("a"), 0);
  EXPECT_EQ(next.what, start_waiter::step::wait);
  EXPECT_EQ(next.until, now + start_waiter::line_interval);
  now = next.until;
  EXPECT_EQ(waiter.next(now, saying("b"), 0).what, start_waiter::step::show);
  waiter.shown(now, "b");
  EXPECT_EQ(waiter.next(now + 1s, saying("b"), 0).what, start_waiter::step::wait) << "nothing new";
}

TEST(start_waiter, shows_nothing_where_progress_is_off) {
  auto silent = patient();
  silent.progress = progress_style::off;
  start_waiter waiter{silent, 1, {}};
  EXPECT_EQ(waiter.next(start_waiter::time_point{} + 10s, saying("a"), 0).what, start_waiter::step::wait);
}

} // namespace
} // namespace daskify::internal
