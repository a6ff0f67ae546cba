#include "daskify/progress/progress_text.hpp"

#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

using namespace daskify;
using namespace daskify::internal;
using namespace std::chrono_literals;

namespace {

constexpr bar_look ascii{};
constexpr bar_look unicode{.unicode = true};
constexpr bar_look colourful{.unicode = true, .colour = true};

/// Total, pending, running, finished, error, cancelled, lost; elapsed, rate, remaining.
const snapshot midway{{1000, 458, 2, 532, 8, 0, 0}, 75s, 120, 65s};
const snapshot at_end{{1000, 0, 0, 980, 8, 3, 9}, 100s, 10, 0s};
const snapshot at_begin{{5'000'000, 5'000'000, 0, 0, 0, 0, 0}, 0s, 0, {}};

using golden = std::vector<std::pair<unsigned, std::string_view>>;

/// Columns of a text whose characters are all one column wide.
std::size_t columns(std::string_view text) {
  std::size_t n = 0;
  for (auto c : text)
    n += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  return n;
}

std::string without_colours(std::string text) {
  for (auto i = text.find('\x1b'); i != std::string::npos; i = text.find('\x1b'))
    text.erase(i, text.find('m', i) + 1 - i);
  return text;
}

} // namespace

TEST(progress_text, draws_the_bar_at_every_width_in_unicode) {
  for (auto [width, line] :
       golden{{200, " 54% ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━────────────────────────────"
                    "   540/1000   532 finished  8 errors  120/s   1:05 left"},
              {120, " 54% ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╸───────────────────────────"
                    "   540/1000   532 finished  8 errors  120/s   1:05 left"},
              {80, " 54% ━━━━━━━━━━─────────   540/1000   532 finished  8 errors  120/s   1:05 left"},
              {60, " 54% ━━━━━━━╸──────   540/1000  8 errors  120/s   1:05 left"},
              {40, " 54% ━━━━━━━╸──────   540/1000  8 errors"},
              {20, " 54% ━━━━━━━━───────"},
              {10, " 54% ━━╸──"},
              {5, " 54%"},
              {1, "╸"}})
    EXPECT_EQ(bar_line(midway, width, unicode), line) << width;
}

TEST(progress_text, draws_the_bar_at_every_width_in_ascii) {
  for (auto [width, line] :
       golden{{200, " 54% ################################----------------------------"
                    "   540/1000   532 finished  8 errors  120/s   1:05 left"},
              {120, " 54% ###############################----------------------------"
                    "   540/1000   532 finished  8 errors  120/s   1:05 left"},
              {80, " 54% ##########---------   540/1000   532 finished  8 errors  120/s   1:05 left"},
              {60, " 54% #######-------   540/1000  8 errors  120/s   1:05 left"},
              {40, " 54% #######-------   540/1000  8 errors"},
              {20, " 54% ########-------"},
              {10, " 54% ##---"},
              {5, " 54%"},
              {1, "-"}})
    EXPECT_EQ(bar_line(midway, width, ascii), line) << width;
}

TEST(progress_text, tells_at_the_end_how_it_went_and_how_long_it_took) {
  for (auto [width, line] :
       golden{{120, "100% ######################################  1000/1000   980 finished  8 errors  9 lost "
                    " 3 cancelled  "
                    "10/s    in 1:40"},
              {80, "100% #############  1000/1000  8 errors  9 lost  3 cancelled  10/s    in 1:40"},
              {40, "100% ##############  1000/1000  8 errors"},
              {10, "100% #####"},
              {1, "#"}})
    EXPECT_EQ(bar_line(at_end, width, ascii), line) << width;
}

TEST(progress_text, shows_the_time_so_far_while_nothing_has_ended) {
  EXPECT_EQ(bar_line(at_begin, 80, ascii),
            "  0% ---------------      0/5.00M      0 finished  0 errors  0/s     0:00 so far");
}

TEST(progress_text, claims_no_rate_and_no_time_for_runs_that_had_ended_before_they_were_watched) {
  snapshot s{{10, 0, 0, 10, 0, 0, 0}, 0s, 0, 0s};
  EXPECT_EQ(bar_line(s, 60, ascii), "100% #########################  10/10  10 finished  0 errors");
  EXPECT_EQ(plain_line(s), "10 of 10 tasks done (100%): 10 finished, 0 errors");
  EXPECT_EQ(plain_line({}), "0 of 0 tasks done (100%): 0 finished, 0 errors");
  s.elapsed = 1ns;
  EXPECT_TRUE(plain_line(s).ends_with("; 0/s, in 0 ms"));
}

TEST(progress_text, keeps_the_errors_longer_than_most_only_when_there_are_some) {
  EXPECT_NE(bar_line(midway, 36, ascii).find("8 errors"), std::string::npos);
  snapshot flawless = midway;
  flawless.counts = {1000, 458, 2, 540, 0, 0, 0};
  EXPECT_EQ(bar_line(flawless, 50, ascii).find("0 errors"), std::string::npos);
  EXPECT_NE(bar_line(flawless, 80, ascii).find("0 errors"), std::string::npos);
}

TEST(progress_text, never_takes_more_than_the_width_and_drops_parts_only_as_it_shrinks) {
  std::mt19937_64 random{1};
  auto any = [&] { return random() >> (4 + random() % 60); };
  for (int i = 0; i < 300; ++i) {
    snapshot s{{0, any(), any(), any(), any(), any(), any()},
               std::chrono::nanoseconds{any()},
               static_cast<double>(any()) / static_cast<double>(1 + any()),
               std::chrono::nanoseconds{any()}};
    s.counts.total = s.counts.pending + s.counts.running + s.counts.done();
    for (unsigned width = 0; width <= 220; ++width) {
      auto line = bar_line(s, width, unicode);
      ASSERT_LE(columns(line), width) << line;
      ASSERT_EQ(columns(bar_line(s, width, ascii)), columns(line)) << line;
      ASSERT_EQ(without_colours(bar_line(s, width, colourful)), line);
      ASSERT_EQ(line.find('\n'), std::string::npos) << line;
    }
  }
}

TEST(progress_text, the_bar_keeps_its_length_as_the_numbers_change) {
  auto bar_end = [](const snapshot& s) { return bar_line(s, 70, ascii).find_last_of("#-"); };
  snapshot later = midway;
  later.counts = {1000, 8, 0, 984, 8, 0, 0};
  later.rate = 1500;
  later.remaining = 3599s;
  EXPECT_EQ(bar_end(later), bar_end(midway));
  later.counts = {1000, 990, 0, 2, 8, 0, 0};
  later.rate = 0.5;
  EXPECT_EQ(bar_end(later), bar_end(midway));
}

TEST(progress_text, says_100_percent_only_when_every_task_has_ended) {
  auto max = std::uint64_t{1} << 62;
  for (std::uint64_t total : {std::uint64_t{3}, std::uint64_t{1'000'000}, max}) {
    snapshot s{{total, 0, 1, total - 1, 0, 0, 0}, 1s, 1, 1s};
    EXPECT_EQ(bar_line(s, 5, ascii), total == 3 ? " 66%" : " 99%");
    EXPECT_EQ(bar_line(s, 1, ascii), "-");
    EXPECT_EQ(bar_line(s, 15, ascii).back(), '-');
    s.counts = {total, 0, 0, total, 0, 0, 0};
    EXPECT_EQ(bar_line(s, 15, ascii), "100% ##########");
  }
}

TEST(progress_text, is_red_only_for_errors_and_lost_tasks) {
  constexpr std::string_view red = "\x1b[31m";
  snapshot good{{1000, 400, 0, 590, 0, 10, 0}, 75s, 120, 65s};
  EXPECT_EQ(bar_line(good, 120, colourful).find(red), std::string::npos);
  EXPECT_EQ(bar_line(midway, 120, ascii).find('\x1b'), std::string::npos);
  EXPECT_NE(bar_line(midway, 60, colourful).find("\x1b[31m8 errors\x1b[0m"), std::string::npos);
  EXPECT_NE(bar_line(at_end, 120, colourful).find("\x1b[31m9 lost\x1b[0m"), std::string::npos);
}

TEST(progress_text, the_red_part_of_the_bar_is_the_share_of_failed_tasks) {
  snapshot s{{100, 0, 0, 50, 50, 0, 0}, 1s, 1, 0s};
  EXPECT_EQ(bar_line(s, 15, colourful), "100% ━━━━━\x1b[31m━━━━━\x1b[0m");
  s.counts = {1'000'000, 0, 0, 999'999, 1, 0, 0};
  EXPECT_EQ(bar_line(s, 15, colourful), "100% ━━━━━━━━━\x1b[31m━\x1b[0m");
  s.counts = {10, 0, 0, 0, 10, 0, 0};
  EXPECT_EQ(bar_line(s, 15, colourful), "100% \x1b[31m━━━━━━━━━━\x1b[0m");
}

TEST(progress_text, writes_plain_lines_with_every_count_in_full) {
  EXPECT_EQ(plain_line(midway), "540 of 1000 tasks done (54%): 532 finished, 8 errors; 120/s, 1:05 left");
  EXPECT_EQ(plain_line(at_end),
            "1000 of 1000 tasks done (100%): 980 finished, 8 errors, 9 lost, 3 cancelled; 10/s, in 1:40");
  EXPECT_EQ(plain_line(at_begin), "0 of 5000000 tasks done (0%): 0 finished, 0 errors; 0/s, 0:00 so far");
  EXPECT_EQ(plain_line({{1, 0, 0, 0, 1, 0, 0}, 42ms, 23.8, 0s}),
            "1 of 1 task done (100%): 0 finished, 1 error; 24/s, in 42 ms");
  EXPECT_EQ(plain_line({{1, 0, 0, 1, 0, 0, 0}, 3290ms, 0.3, 0s}),
            "1 of 1 task done (100%): 1 finished, 0 errors; 18/min, in 3.2 s");
}

TEST(progress_text, rounds_the_time_left_up_so_that_it_is_never_0) {
  snapshot s{{2, 1, 0, 1, 0, 0, 0}, 5s, 1, 1ns};
  EXPECT_TRUE(plain_line(s).ends_with(", 0:01 left"));
  s.remaining = 59'001ms;
  EXPECT_TRUE(plain_line(s).ends_with(", 1:00 left"));
}

TEST(progress_text, shortens_counts_by_rounding_down) {
  for (auto [count, text] :
       std::vector<std::pair<std::uint64_t, std::string_view>>{{0, "0"},
                                                               {99'999, "99999"},
                                                               {100'000, "100k"},
                                                               {999'999, "999k"},
                                                               {1'000'000, "1.00M"},
                                                               {4'999'999, "4.99M"},
                                                               {5'050'000, "5.05M"},
                                                               {12'399'999, "12.3M"},
                                                               {1'000'000'000, "1.00G"},
                                                               {std::numeric_limits<std::uint64_t>::max(), "18.4E"}})
    EXPECT_EQ(count_text(count), text);
}

TEST(progress_text, gives_rates_in_the_unit_that_suits_them) {
  for (auto [rate, text] :
       std::vector<std::pair<double, std::string_view>>{{0, "0/s"},
                                                        {-1, "0/s"},
                                                        {std::numeric_limits<double>::quiet_NaN(), "0/s"},
                                                        {1e-9, "0.0/h"},
                                                        {1. / 7200, "0.5/h"},
                                                        {12. / 3600, "12/h"},
                                                        {1. / 60, "1.0/min"},
                                                        {0.5, "30/min"},
                                                        {1, "1.0/s"},
                                                        {9.94, "9.9/s"},
                                                        {9.96, "10/s"},
                                                        {999.4, "999/s"},
                                                        {999.6, "1.0k/s"},
                                                        {1234, "1.2k/s"},
                                                        {2.5e6, "2.5M/s"},
                                                        {1e18, "1.0E/s"}})
    EXPECT_EQ(rate_text(rate), text);
  EXPECT_TRUE(rate_text(std::numeric_limits<double>::max()).ends_with("E/s"));
  EXPECT_TRUE(rate_text(std::numeric_limits<double>::infinity()).ends_with("/s"));
}

TEST(progress_text, gives_durations_in_two_units_at_most) {
  for (auto [duration, text] : std::vector<std::pair<std::chrono::nanoseconds, std::string_view>>{
           {-5s, "0:00"},
           {999ms, "0:00"},
           {7s, "0:07"},
           {65s, "1:05"},
           {3599s, "59:59"},
           {1h, "1h 00m"},
           {2h + 3min + 59s, "2h 03m"},
           {24h, "1d 0h"},
           {76h, "3d 4h"},
           {std::chrono::nanoseconds::max(), "106751d 23h"}})
    EXPECT_EQ(duration_text(duration), text);
}
