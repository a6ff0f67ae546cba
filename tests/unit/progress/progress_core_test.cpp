#include "daskify/progress/progress_core.hpp"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <sstream>
#include <vector>

using namespace daskify;
using namespace daskify::internal;
using namespace std::chrono_literals;

namespace {

using time_point = progress_core::time_point;

double seconds(std::chrono::nanoseconds d) {
  return std::chrono::duration<double>{d}.count();
}

progress counts(std::uint64_t pending, std::uint64_t running, std::uint64_t finished, std::uint64_t error = 0,
                std::uint64_t cancelled = 0, std::uint64_t lost = 0) {
  return {pending + running + finished + error + cancelled + lost, pending, running, finished, error, cancelled, lost};
}

progress progressed(std::uint64_t total, std::uint64_t done) {
  return counts(total - done, 0, done);
}

/// One run in which `batch` more tasks end every `every`.
struct steady_run {
  std::uint64_t total;
  std::uint64_t batch;
  std::chrono::nanoseconds every;
  std::uint64_t done = 0;
  time_point now{};
  progress_core core;

  steady_run(std::uint64_t all, std::uint64_t at_a_time, std::chrono::nanoseconds interval)
      : total{all},
        batch{at_a_time},
        every{interval} {
    core.watch(1, progressed(total, 0), now);
  }

  void step() {
    now += every;
    done = std::min(total, done + batch);
    core.update(1, progressed(total, done), now);
  }

  void steps(int n) {
    while (n-- > 0)
      step();
  }
};

} // namespace

TEST(progress, prints_every_count_in_one_line) {
  std::ostringstream out;
  out << counts(120, 2, 870, 8);
  EXPECT_EQ(out.str(), "1000 tasks: 120 pending, 2 running, 870 finished, 8 error, 0 cancelled, 0 lost");
  out.str("");
  out << counts(0, 0, 0, 0, 1, 0);
  EXPECT_EQ(out.str(), "1 task: 0 pending, 0 running, 0 finished, 0 error, 1 cancelled, 0 lost");
}

TEST(progress, has_ended_when_nothing_is_pending_or_running) {
  EXPECT_TRUE(progress{}.ended());
  EXPECT_TRUE(counts(0, 0, 1, 2, 3, 4).ended());
  EXPECT_EQ(counts(5, 6, 1, 2, 3, 4).done(), 10U);
  EXPECT_FALSE(counts(1, 0, 9).ended());
  EXPECT_FALSE(counts(0, 1, 9).ended());
}

TEST(progress_core, has_nothing_to_tell_before_a_run_is_watched) {
  progress_core core;
  auto s = core.at(time_point{5s});
  EXPECT_EQ(s.counts, progress{});
  EXPECT_EQ(s.elapsed, 0ns);
  EXPECT_EQ(s.rate, 0);
  EXPECT_FALSE(s.remaining);
}

TEST(progress_core, sums_the_runs_it_watches_and_ignores_others) {
  progress_core core;
  core.watch(1, counts(1, 2, 3, 4, 5, 6), time_point{});
  core.watch(2, counts(10, 20, 30, 40, 50, 60), time_point{});
  core.update(3, counts(100, 100, 100), time_point{1s});
  EXPECT_EQ(core.at(time_point{1s}).counts, counts(11, 22, 33, 44, 55, 66));
  core.update(2, counts(0, 0, 210), time_point{1s});
  EXPECT_EQ(core.at(time_point{1s}).counts, counts(1, 2, 213, 4, 5, 6));
}

TEST(progress_core, a_run_watched_again_starts_anew) {
  progress_core core;
  core.watch(1, counts(10, 0, 0), time_point{});
  core.watch(1, counts(5, 0, 5), time_point{1s});
  auto s = core.at(time_point{2s});
  EXPECT_EQ(s.counts, counts(5, 0, 5));
  EXPECT_EQ(s.rate, 0);
}

TEST(progress_core, a_run_without_tasks_has_ended) {
  progress_core core;
  core.watch(1, {}, time_point{3s});
  auto s = core.at(time_point{9s});
  EXPECT_TRUE(s.counts.ended());
  EXPECT_EQ(s.elapsed, 0ns);
  EXPECT_EQ(s.rate, 0);
  EXPECT_EQ(s.remaining, 0ns);
}

TEST(progress_core, counts_only_what_ends_while_it_watches) {
  progress_core core;
  core.watch(1, progressed(1000, 900), time_point{});
  core.update(1, progressed(1000, 1000), time_point{10s});
  EXPECT_DOUBLE_EQ(core.at(time_point{99s}).rate, 10);
}

TEST(progress_core, elapsed_stands_still_at_the_end_and_goes_on_when_a_run_is_added) {
  progress_core core;
  core.watch(1, progressed(10, 0), time_point{});
  core.update(1, progressed(10, 10), time_point{4s});
  EXPECT_EQ(core.at(time_point{60s}).elapsed, 4s);
  EXPECT_EQ(core.at(time_point{60s}).remaining, 0ns);
  core.watch(2, progressed(10, 0), time_point{61s});
  EXPECT_EQ(core.at(time_point{70s}).elapsed, 70s);
  core.update(2, progressed(10, 10), time_point{80s});
  EXPECT_EQ(core.at(time_point{99s}).elapsed, 80s);
}

TEST(progress_core, gives_the_rate_and_time_left_of_a_steady_run) {
  steady_run run{100'000, 10, 100ms};
  for (int i = 0; i < 600; ++i) {
    run.step();
    auto s = run.core.at(run.now);
    EXPECT_NEAR(s.rate, 100, 1e-6);
    ASSERT_EQ(s.remaining.has_value(), run.now >= time_point{1s});
    if (s.remaining) {
      EXPECT_NEAR(seconds(*s.remaining), static_cast<double>(run.total - run.done) / 100, 0.01);
    }
  }
}

TEST(progress_core, takes_bursts_of_thousands_for_what_they_are_on_average) {
  steady_run run{1'000'000, 5000, 10s};
  run.steps(20);
  for (auto into = 0s; into <= 10s; into += 1s) {
    auto s = run.core.at(run.now + into);
    EXPECT_NEAR(s.rate, 500, 1e-6);
    EXPECT_NEAR(seconds(s.remaining.value()), 1800 - seconds(into), 4);
  }
}

TEST(progress_core, several_events_at_one_time_count_like_one) {
  progress_core core;
  core.watch(1, progressed(1000, 0), time_point{});
  for (std::uint64_t done = 0; done < 500;) {
    auto now = time_point{std::chrono::seconds{done / 10 + 1}};
    for (int i = 0; i < 10; ++i)
      core.update(1, progressed(1000, ++done), now);
  }
  EXPECT_NEAR(core.at(time_point{50s}).rate, 10, 1);
}

TEST(progress_core, serves_a_sweep_of_one_task_a_minute) {
  steady_run run{100, 1, 60s};
  run.steps(10);
  auto start = run.core.at(run.now).remaining.value();
  EXPECT_EQ(std::chrono::round<std::chrono::seconds>(start), 90 * 60s);
  for (auto into = 0s; into <= 60s; into += 1s) {
    auto s = run.core.at(run.now + into);
    EXPECT_NEAR(s.rate, 1. / 60, 1e-9);
    EXPECT_NEAR(seconds(*s.remaining), seconds(start - into), 16) << "the time left runs down between events";
  }
}

TEST(progress_core, is_not_misled_by_two_workers_that_end_close_together) {
  progress_core core;
  core.watch(1, progressed(1000, 0), time_point{});
  std::uint64_t done = 0;
  for (auto minute = 1min; minute <= 30min; minute += 1min)
    for (auto offset : {0s, 3s}) {
      core.update(1, progressed(1000, ++done), time_point{minute + offset});
      if (minute > 8min) {
        EXPECT_NEAR(core.at(time_point{minute + offset}).rate * 60, 2, 0.5);
      }
    }
}

TEST(progress_core, gives_no_time_left_before_the_first_round_of_tasks_is_through) {
  progress_core core;
  core.watch(1, counts(936, 64, 0), time_point{});
  core.update(1, counts(935, 64, 1), time_point{25s});
  EXPECT_FALSE(core.at(time_point{25s}).remaining) << "63 more are about to end";
  core.update(1, counts(872, 64, 64), time_point{30s});
  EXPECT_NEAR(seconds(core.at(time_point{30s}).remaining.value()), 30 * 936. / 64, 25);
}

TEST(progress_core, the_end_it_foresees_stays_where_it_is_while_tasks_end_in_rounds) {
  progress_core core;
  core.watch(1, counts(936, 64, 0), time_point{});
  std::uint64_t done = 0;
  std::optional<double> foreseen;
  for (auto now = 125ms; now < 450s; now += 125ms) {
    if (now >= 30s && now % 30s < 8s) // 64 tasks end one by one, and then none for 22 s
      ++done;
    core.update(1, counts(936 - done, 64, done), time_point{now});
    auto s = core.at(time_point{now});
    if (!s.remaining)
      continue;
    auto end = seconds(now + *s.remaining);
    EXPECT_NEAR(end / foreseen.value_or(end), 1, 0.1) << now.count();
    foreseen = end;
  }
  EXPECT_NEAR(foreseen.value(), 450 + 30 * 104. / 64, 25); // 104 tasks are left
}

TEST(progress_core, a_short_slow_stretch_does_not_upset_the_time_left) {
  steady_run run{1'000'000, 100, 100ms};
  run.steps(1200); // two minutes at 1000/s
  auto before = run.core.at(run.now).remaining.value();
  run.batch = 10;
  run.steps(100); // ten seconds at 100/s
  EXPECT_LT(run.core.at(run.now).rate, 300);
  EXPECT_LT(run.core.at(run.now).remaining.value(), before * 3 / 2);
}

TEST(progress_core, a_long_silence_lowers_the_rate_and_raises_the_time_left_without_a_jump) {
  steady_run run{100'000, 10, 100ms};
  run.steps(600);
  auto before = run.core.at(run.now + 1s);
  for (auto silence = 2s; silence < 3600s; silence += 1s) {
    auto s = run.core.at(run.now + silence);
    EXPECT_LE(s.rate, before.rate);
    EXPECT_GE(*s.remaining, *before.remaining);
    EXPECT_LE(*s.remaining, *before.remaining * 3 / 2);
    before = s;
  }
  EXPECT_LT(before.rate, 0.1);
  EXPECT_GT(before.rate, 0);
}

TEST(progress_core, an_overdue_last_task_never_looks_done) {
  steady_run run{11, 1, 10s};
  run.steps(10);
  for (auto silence = 0s; silence < 1h; silence += 1s)
    EXPECT_GE(run.core.at(run.now + silence).remaining.value(), 2s);
}

TEST(progress_core, follows_a_run_that_becomes_slower) {
  steady_run run{1'000'000, 100, 100ms};
  run.steps(600); // a minute at 1000/s
  run.batch = 1;
  run.steps(1200); // two minutes at 10/s
  auto s = run.core.at(run.now);
  EXPECT_NEAR(s.rate, 10, 1);
  auto truly = static_cast<double>(run.total - run.done) / 10;
  EXPECT_GT(seconds(s.remaining.value()), truly / 4);
  EXPECT_LT(seconds(s.remaining.value()), truly);
}

TEST(progress_core, gives_no_time_left_beyond_a_century) {
  steady_run run{std::uint64_t{1} << 60, 1, 10s};
  run.steps(5);
  EXPECT_FALSE(run.core.at(run.now).remaining);
  EXPECT_NEAR(run.core.at(run.now).rate, 0.1, 1e-9);
}

TEST(progress_core, retries_are_no_progress) {
  progress_core core;
  core.watch(1, counts(8, 2, 0), time_point{});
  core.update(1, counts(7, 3, 0), time_point{1s});
  core.update(1, counts(10, 0, 0), time_point{2s});
  EXPECT_EQ(core.at(time_point{3s}).rate, 0);
  EXPECT_FALSE(core.at(time_point{3s}).remaining);
  EXPECT_EQ(core.at(time_point{3s}).counts, counts(10, 0, 0));
}

TEST(progress_core, a_clock_that_goes_back_does_no_harm) {
  progress_core core;
  core.watch(1, progressed(10, 0), time_point{10s});
  core.update(1, progressed(10, 5), time_point{20s});
  core.update(1, progressed(10, 6), time_point{15s});
  auto s = core.at(time_point{});
  EXPECT_EQ(s.elapsed, 10s);
  EXPECT_NEAR(s.rate, 0.6, 1e-9);
}

TEST(progress_core, keeps_its_invariants_under_random_events) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937_64 random{seed};
    auto upto = [&](std::uint64_t n) { return std::uniform_int_distribution<std::uint64_t>{0, n}(random); };
    progress_core core;
    std::vector<progress> runs;
    time_point now{};
    std::uint64_t done_before = 0;
    for (int event = 0; event < 300; ++event) {
      now += std::chrono::nanoseconds{upto(1) * upto(std::uint64_t{1} << upto(40))};
      if (runs.empty() || upto(20) == 0) {
        runs.push_back(progressed(upto(1) * upto(100'000), 0));
        core.watch(runs.size(), runs.back(), now);
      } else {
        auto run = upto(runs.size() - 1);
        auto& p = runs[run];
        auto move = [&](std::uint64_t& from, std::uint64_t& to) {
          auto n = upto(from);
          from -= n;
          to += n;
        };
        move(p.pending, p.running);
        for (auto state : {&progress::finished, &progress::error, &progress::cancelled, &progress::lost})
          move(p.running, p.*state);
        if (upto(3) == 0)
          move(p.running, p.pending);
        core.update(run + 1, p, now);
      }
      progress sum;
      for (const auto& p : runs)
        for (auto state : {&progress::total, &progress::pending, &progress::running, &progress::finished,
                           &progress::error, &progress::cancelled, &progress::lost})
          sum.*state += p.*state;
      auto s = core.at(now + std::chrono::nanoseconds{upto(1) * upto(std::uint64_t{1} << 40)});
      ASSERT_EQ(s.counts, sum) << "seed " << seed;
      ASSERT_EQ(s.counts.total, s.counts.pending + s.counts.running + s.counts.done()) << "seed " << seed;
      ASSERT_GE(s.counts.done(), done_before) << "seed " << seed;
      ASSERT_TRUE(std::isfinite(s.rate) && s.rate >= 0) << "seed " << seed << ": " << s.rate;
      ASSERT_GE(s.elapsed, 0ns) << "seed " << seed;
      if (s.remaining) {
        ASSERT_GE(*s.remaining, 0ns) << "seed " << seed;
      }
      ASSERT_EQ(s.remaining == 0ns, s.counts.ended()) << "seed " << seed;
      done_before = s.counts.done();
    }
  }
}
