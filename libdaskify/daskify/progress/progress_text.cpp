#include "daskify/progress/progress_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string_view>
#include <vector>

namespace daskify::internal {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t percent_columns = 4;
constexpr std::size_t least_bar = 8; // columns that the other parts leave to the bar
constexpr std::size_t most_bar = 60;

constexpr std::string_view red = "\x1b[31m";
constexpr std::string_view dim = "\x1b[2m";
constexpr std::string_view no_colour = "\x1b[0m";

std::string paint(std::string text, std::string_view colour, bool wanted) {
  if (!wanted || text.empty())
    return text;
  return std::string{colour} + text + std::string{no_colour};
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i)
    all += text;
  return all;
}

std::string fixed(double x, int digits) {
  std::array<char, 400> buffer; // the largest double has 309 digits
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x, std::chars_format::fixed, digits);
  return {buffer.data(), end.ptr};
}

std::string two_digits(std::int64_t x) {
  return (x < 10 ? "0" : "") + std::to_string(x);
}

/// The number of completed steps out of `steps`: all of them only once every task has ended.
std::uint64_t steps_done(const progress& p, std::uint64_t steps) {
  if (p.ended())
    return steps;
  // Multiplies first: 29 of 100 are 29 %, and not the 28.999 of a rounded quotient.
  auto reached = static_cast<double>(p.done()) * static_cast<double>(steps) /
                 static_cast<double>(p.done() + p.pending + p.running);
  return std::min(static_cast<std::uint64_t>(reached), steps - 1);
}

std::string percent_text(const progress& p) {
  return std::to_string(steps_done(p, 100)) + '%';
}

std::string counted(std::string number, std::string_view noun, bool plural) {
  return number.append(1, ' ').append(noun).append(plural ? "s" : "");
}

std::string total_time_text(std::chrono::nanoseconds elapsed) {
  using namespace std::chrono;
  if (elapsed < 1s)
    return std::to_string(floor<milliseconds>(elapsed).count()) + " ms";
  if (elapsed < 10s) {
    auto tenths = floor<milliseconds>(elapsed).count() / 100;
    return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) + " s";
  }
  return duration_text(elapsed);
}

/// False for runs that had ended before they were watched: their rate is unknown.
bool was_timed(const snapshot& s) {
  return !s.counts.ended() || s.elapsed > 0s;
}

std::string time_text(const snapshot& s) {
  if (s.counts.ended())
    return "in " + total_time_text(s.elapsed);
  if (s.remaining)
    return duration_text(std::chrono::ceil<std::chrono::seconds>(*s.remaining)) + " left";
  return duration_text(s.elapsed) + " so far";
}

/// In Unicode the filled part grows by half columns. A part of it is red, in proportion to the tasks that failed or
/// were lost, but at least one column.
std::string bar(const progress& p, std::size_t width, bar_look look) {
  auto halves = steps_done(p, width * 2);
  auto full = static_cast<std::size_t>(halves / 2);
  bool half = look.unicode && halves % 2 != 0;
  auto bad = static_cast<double>(p.error + p.lost);
  std::size_t failed = 0;
  if (bad > 0 && full > 0)
    failed = std::clamp(static_cast<std::size_t>(bad / static_cast<double>(p.done()) * static_cast<double>(full)),
                        std::size_t{1}, full);
  std::string_view fill = look.unicode ? "━" : "#";
  std::string_view track = look.unicode ? "─" : "-";
  return repeat(fill, full - failed) + paint(repeat(fill, failed), red, look.colour) + (half ? "╸" : "") +
         paint(repeat(track, width - full - (half ? 1 : 0)), dim, look.colour);
}

/// One part of the line next to bar and percentage.
struct part {
  std::string text;
  std::size_t columns; ///< reserved for it, so that the bar keeps its width as numbers change
  int importance;      ///< parts with small numbers are dropped last
  bool alarming = false;
  bool shown = false;

  std::size_t room() const { return 2 + std::max(columns, text.size()); }
};

/// In display order.
std::vector<part> parts_of(const snapshot& s) {
  const auto& p = s.counts;
  auto total = count_text(p.total);
  auto aligned = [&](std::uint64_t count) {
    auto text = count_text(count);
    return std::string(total.size() - std::min(total.size(), text.size()), ' ') + text;
  };
  std::vector<part> parts;
  parts.push_back({aligned(p.done()) + '/' + total, 0, 1});
  parts.push_back({aligned(p.finished) + " finished", 0, 7});
  parts.push_back({counted(count_text(p.error), "error", p.error != 1), 0, p.error > 0 ? 2 : 8, p.error > 0});
  if (p.lost > 0)
    parts.push_back({count_text(p.lost) + " lost", 0, 3, true});
  if (p.cancelled > 0)
    parts.push_back({count_text(p.cancelled) + " cancelled", 0, 6});
  if (!was_timed(s))
    return parts;
  parts.push_back({rate_text(s.rate), std::string_view{"1.2k/s"}.size(), 5});
  parts.push_back({time_text(s), std::string_view{"59:59 left"}.size(), 4});
  return parts;
}

/// Shows parts by importance while they fit into `room` columns. Returns the columns that they take.
std::size_t choose(std::vector<part>& parts, std::size_t room) {
  std::vector<part*> by_importance;
  for (auto& x : parts)
    by_importance.push_back(&x);
  std::ranges::sort(by_importance, {}, &part::importance);
  std::size_t taken = 0;
  for (auto* x : by_importance) {
    if (taken + x->room() > room)
      break;
    x->shown = true;
    taken += x->room();
  }
  return taken;
}

} // namespace

std::string bar_line(const snapshot& s, unsigned width, bar_look look) {
  if (width < percent_columns)
    return bar(s.counts, width, look);
  auto percent = percent_text(s.counts);
  auto line = std::string(percent_columns - percent.size(), ' ') + percent;
  auto room = width - percent_columns;
  if (room < 2)
    return line;
  --room;
  auto parts = parts_of(s);
  room -= choose(parts, room - std::min(room, least_bar));
  line += ' ' + bar(s.counts, std::min(room, most_bar), look);
  std::size_t gap = 2;
  for (const auto& x : parts) {
    if (!x.shown)
      continue;
    line += std::string(gap, ' ') + paint(x.text, red, look.colour && x.alarming);
    gap = x.room() - x.text.size();
  }
  return line;
}

std::string plain_line(const snapshot& s) {
  const auto& p = s.counts;
  auto line = std::to_string(p.done()) + " of " + counted(std::to_string(p.total), "task", p.total != 1) + " done (" +
              percent_text(p) + "): " + std::to_string(p.finished) + " finished, " +
              counted(std::to_string(p.error), "error", p.error != 1);
  if (p.lost > 0)
    line += ", " + std::to_string(p.lost) + " lost";
  if (p.cancelled > 0)
    line += ", " + std::to_string(p.cancelled) + " cancelled";
  return was_timed(s) ? line + "; " + rate_text(s.rate) + ", " + time_text(s) : line;
}

std::string count_text(std::uint64_t count) {
  if (count < 100'000)
    return std::to_string(count);
  std::size_t unit = 0;
  std::uint64_t scale = 1'000;
  while (count / scale >= 1'000) {
    scale *= 1'000;
    ++unit;
  }
  auto whole = count / scale;
  auto text = std::to_string(whole);
  auto hundredths = static_cast<std::int64_t>(count % scale / (scale / 100));
  if (whole < 10)
    text += '.' + two_digits(hundredths);
  else if (whole < 100)
    text += '.' + std::to_string(hundredths / 10);
  return text + "kMGTPE"[unit];
}

std::string rate_text(double per_second) {
  if (!(per_second > 0))
    return "0/s";
  std::string_view per = "/s";
  auto x = per_second;
  if (x < 1) {
    x *= 60;
    per = "/min";
  }
  if (x < 1) {
    x *= 60;
    per = "/h";
  }
  constexpr std::string_view units = "kMGTPE";
  std::string unit;
  for (std::size_t i = 0; x >= 999.5 && i < units.size(); ++i) {
    x /= 1000;
    unit = units[i];
  }
  return fixed(x, x < 9.95 ? 1 : 0) + unit + std::string{per};
}

std::string duration_text(std::chrono::nanoseconds d) {
  using namespace std::chrono;
  d = std::max(d, nanoseconds{0});
  auto seconds = floor<std::chrono::seconds>(d).count();
  if (d < 1h)
    return std::to_string(seconds / 60) + ':' + two_digits(seconds % 60);
  if (d < 24h)
    return std::to_string(seconds / 3600) + "h " + two_digits(seconds / 60 % 60) + 'm';
  return std::to_string(seconds / 86400) + "d " + std::to_string(seconds / 3600 % 24) + 'h';
}

} // namespace daskify::internal
