#include "daskify/progress/progress_bar.hpp"

#include "daskify/os/environment.hpp"
#include "daskify/os/terminal.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <utility>

namespace daskify::internal {

namespace {

using namespace std::chrono_literals;

constexpr auto between_bars = 50ms;
constexpr std::array<std::chrono::seconds, 7> between_lines{1s, 2s, 5s, 10s, 20s, 30s, 60s};
constexpr unsigned usual_width = 80;

bool locale_is_utf8() {
  std::string locale;
  for (auto name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (locale.empty())
      locale = environment_text(name);
  std::ranges::transform(locale, locale.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
}

unsigned terminal_width(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  auto text = environment_text("COLUMNS");
  unsigned width = 0;
  auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), width);
  bool whole = wrong == std::errc{} && end == text.data() + text.size();
  return whole && width > 0 ? width : usual_width;
}

progress_style resolve(progress_style style, int descriptor) {
  if (style != progress_style::automatic)
    return style;
  return is_able_terminal(descriptor) ? progress_style::bar : progress_style::lines;
}

} // namespace

progress_bar::progress_bar(int descriptor, progress_style style, clock now)
    : descriptor_{descriptor},
      style_{resolve(style, descriptor)},
      look_{.unicode = locale_is_utf8(),
            .colour = is_able_terminal(descriptor) && environment_text("NO_COLOR").empty()},
      now_{std::move(now)} {}

progress_bar::~progress_bar() {
  if (line_open_)
    write("\n");
}

void progress_bar::show(const snapshot& s) {
  if (finished_ || (due_ && now_() < *due_))
    return;
  draw(s, false);
}

void progress_bar::finish(const snapshot& s) {
  if (std::exchange(finished_, true))
    return;
  draw(s, true);
}

void progress_bar::draw(const snapshot& s, bool last) {
  switch (style_) {
  case progress_style::bar: {
    // The last column stays free: with the cursor there, clear_to_end would erase the character just drawn.
    auto line = bar_line(s, terminal_width(descriptor_) - 1, look_);
    line_open_ = !last;
    due_ = now_() + between_bars;
    write('\r' + line + std::string{clear_to_end} + (last ? "\n" : ""));
    break;
  }
  case progress_style::lines:
    due_ = now_() + between_lines[std::min(lines_++, between_lines.size() - 1)];
    write(plain_line(s) + '\n');
    break;
  case progress_style::automatic:
  case progress_style::off:
    break;
  }
}

void progress_bar::write(const std::string& text) {
  if (style_ == progress_style::off)
    return;
  if (!write_all(descriptor_, text)) {
    style_ = progress_style::off;
    line_open_ = false;
  }
}

} // namespace daskify::internal
