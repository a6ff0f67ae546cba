#include "daskify/progress/progress_bar.hpp"

#include "support/channel.hpp"

#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <string>
#include <sys/ioctl.h>
#include <termios.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace daskify;
using namespace daskify::internal;
using namespace daskify::test;
using namespace std::chrono_literals;

namespace {

class progress_bar_test : public testing::Test {
protected:
  void SetUp() override {
    for (auto name : {"TERM", "NO_COLOR", "COLUMNS", "LC_ALL", "LC_CTYPE", "LANG"}) {
      auto value = std::getenv(name);
      environment_[name] = value ? std::optional<std::string>{value} : std::nullopt;
      ::unsetenv(name);
    }
    ::setenv("TERM", "xterm", 1);
    ::setenv("NO_COLOR", "1", 1);
  }

  void TearDown() override {
    for (const auto& [name, value] : environment_)
      if (value)
        ::setenv(name.c_str(), value->c_str(), 1);
      else
        ::unsetenv(name.c_str());
  }

  progress_bar::clock clock() {
    return [this] { return now_; };
  }

  std::chrono::steady_clock::time_point now_{};

private:
  std::map<std::string, std::optional<std::string>> environment_;
};

snapshot after(std::uint64_t done) {
  return {{100, 100 - done, 0, done, 0, 0, 0}, 1s, 10, 9s};
}

} // namespace

TEST_F(progress_bar_test, redraws_in_place_and_ends_with_a_newline) {
  terminal tty{32};
  progress_bar bar{tty.in, progress_style::automatic, clock()};
  EXPECT_EQ(bar.style(), progress_style::bar);
  bar.show(after(0));
  EXPECT_EQ(tty.drain(), "\r  0% -----------------    0/100\x1b[K");
  now_ += 1s;
  bar.show(after(50));
  EXPECT_EQ(tty.drain(), "\r 50% ########---------   50/100\x1b[K");
  bar.finish(after(100));
  EXPECT_EQ(tty.drain(), "\r100% #################  100/100\x1b[K\r\n");
}

TEST_F(progress_bar_test, fits_the_width_that_the_terminal_has_at_each_drawing) {
  terminal tty{16};
  progress_bar bar{tty.in, progress_style::bar, clock()};
  for (auto [width, drawn] : std::map<unsigned short, std::string>{{1, "\r\x1b[K"},
                                                                   {2, "\r-\x1b[K"},
                                                                   {16, "\r 50% #####-----\x1b[K"},
                                                                   {31, "\r 50% ########--------   50/100\x1b[K"}}) {
    tty.resize(width);
    bar.show(after(50));
    EXPECT_EQ(tty.drain(), drawn) << width;
    now_ += 1s;
  }
}

TEST_F(progress_bar_test, leaves_out_what_comes_too_fast_but_never_the_end) {
  terminal tty{16};
  progress_bar bar{tty.in, progress_style::bar, clock()};
  bar.show(after(10));
  tty.drain();
  now_ += 49ms;
  bar.show(after(20));
  EXPECT_EQ(tty.drain(), "");
  now_ += 1ms;
  bar.show(after(30));
  EXPECT_EQ(tty.drain(), "\r 30% ###-------\x1b[K");
  bar.finish(after(100));
  EXPECT_EQ(tty.drain(), "\r100% ##########\x1b[K\r\n");
}

TEST_F(progress_bar_test, does_nothing_more_once_it_is_finished) {
  terminal tty{16};
  {
    progress_bar bar{tty.in, progress_style::bar, clock()};
    bar.finish(after(100));
    tty.drain();
    now_ += 1h;
    bar.finish(after(100));
    bar.show(after(100));
  }
  EXPECT_EQ(tty.drain(), "");
}

TEST_F(progress_bar_test, ends_its_line_when_it_is_given_up) {
  terminal tty{16};
  {
    progress_bar bar{tty.in, progress_style::bar, clock()};
    bar.show(after(10));
    tty.drain();
  }
  EXPECT_EQ(tty.drain(), "\r\n");
  { progress_bar never_shown{tty.in, progress_style::bar, clock()}; }
  EXPECT_EQ(tty.drain(), "");
}

TEST_F(progress_bar_test, changes_nothing_about_the_terminal) {
  terminal tty{80};
  termios before{};
  ASSERT_EQ(::tcgetattr(tty.in, &before), 0);
  ::unsetenv("NO_COLOR");
  progress_bar bar{tty.in, progress_style::bar, clock()};
  bar.show({{100, 40, 0, 50, 10, 0, 0}, 1s, 10, 9s});
  auto drawn = tty.drain();
  EXPECT_NE(drawn.find("\x1b[31m"), std::string::npos);
  EXPECT_GT(drawn.rfind("\x1b[0m"), drawn.rfind("\x1b[31m"));
  EXPECT_EQ(drawn.find("\x1b[?"), std::string::npos) << "hides the cursor or switches a mode";
  termios now{};
  ASSERT_EQ(::tcgetattr(tty.in, &now), 0);
  EXPECT_EQ(now.c_lflag, before.c_lflag);
  EXPECT_EQ(now.c_oflag, before.c_oflag);
}

TEST_F(progress_bar_test, has_no_colours_where_they_are_not_wanted_or_not_understood) {
  terminal tty{80};
  pipe_channel pipe;
  snapshot failing{{100, 40, 0, 50, 10, 0, 0}, 1s, 10, 9s};
  progress_bar{tty.in, progress_style::bar, clock()}.finish(failing);
  EXPECT_EQ(tty.drain().find("\x1b[31m"), std::string::npos) << "NO_COLOR is set";
  ::unsetenv("NO_COLOR");
  progress_bar{pipe.in, progress_style::bar, clock()}.finish(failing);
  EXPECT_EQ(pipe.drain().find("\x1b[31m"), std::string::npos) << "a pipe";
  ::setenv("TERM", "dumb", 1);
  progress_bar{tty.in, progress_style::bar, clock()}.finish(failing);
  EXPECT_EQ(tty.drain().find("\x1b[31m"), std::string::npos) << "TERM=dumb";
}

TEST_F(progress_bar_test, draws_in_unicode_only_when_the_locale_says_so) {
  auto drawn_in_unicode = [this] {
    pipe_channel pipe;
    progress_bar{pipe.in, progress_style::bar, clock()}.finish(after(100));
    return pipe.drain().find("━") != std::string::npos;
  };
  EXPECT_FALSE(drawn_in_unicode());
  ::setenv("LANG", "de_DE.UTF-8", 1);
  EXPECT_TRUE(drawn_in_unicode());
  ::setenv("LC_CTYPE", "de_DE.ISO-8859-1", 1);
  EXPECT_FALSE(drawn_in_unicode());
  ::setenv("LC_ALL", "C.utf8", 1);
  EXPECT_TRUE(drawn_in_unicode());
}

TEST_F(progress_bar_test, a_width_the_terminal_does_not_know_is_COLUMNS_or_80) {
  auto columns = [this] {
    pipe_channel pipe;
    progress_bar{pipe.in, progress_style::bar, clock()}.finish(after(100));
    return pipe.drain().size() - std::string{"\r\x1b[K\n"}.size();
  };
  auto usual = columns();
  EXPECT_GT(usual, 60U);
  EXPECT_LT(usual, 80U);
  ::setenv("COLUMNS", "20", 1);
  EXPECT_EQ(columns(), 19U);
  for (auto nonsense : {"", "0", "-5", "12x", "99999999999999999999"}) {
    ::setenv("COLUMNS", nonsense, 1);
    EXPECT_EQ(columns(), usual) << nonsense;
  }
}

TEST_F(progress_bar_test, chooses_lines_where_a_bar_cannot_be_drawn) {
  pipe_channel pipe;
  terminal tty{80};
  EXPECT_EQ((progress_bar{pipe.in, progress_style::automatic}.style()), progress_style::lines);
  EXPECT_EQ((progress_bar{tty.in, progress_style::automatic}.style()), progress_style::bar);
  EXPECT_EQ((progress_bar{tty.in, progress_style::lines}.style()), progress_style::lines);
  ::setenv("TERM", "dumb", 1);
  EXPECT_EQ((progress_bar{tty.in, progress_style::automatic}.style()), progress_style::lines);
  ::unsetenv("TERM");
  EXPECT_EQ((progress_bar{tty.in, progress_style::automatic}.style()), progress_style::lines);
}

TEST_F(progress_bar_test, writes_lines_at_growing_intervals_and_a_last_one) {
  pipe_channel pipe;
  progress_bar bar{pipe.in, progress_style::automatic, clock()};
  std::vector<long> written_at;
  for (long second = 0; second <= 250; ++second) {
    now_ = std::chrono::steady_clock::time_point{std::chrono::seconds{second}};
    bar.show(after(10));
    auto text = pipe.drain();
    if (text.empty())
      continue;
    EXPECT_EQ(text, plain_line(after(10)) + '\n');
    written_at.push_back(second);
  }
  EXPECT_EQ(written_at, (std::vector<long>{0, 1, 3, 8, 18, 38, 68, 128, 188, 248}));
  bar.finish(after(100));
  EXPECT_EQ(pipe.drain(), plain_line(after(100)) + '\n');
}

TEST_F(progress_bar_test, is_silent_when_it_is_off) {
  terminal tty{80};
  {
    progress_bar bar{tty.in, progress_style::off, clock()};
    bar.show(after(10));
    bar.finish(after(100));
  }
  EXPECT_EQ(tty.drain(), "");
}

TEST_F(progress_bar_test, survives_a_reader_that_went_away) {
  pipe_channel pipe;
  ::close(std::exchange(pipe.out, -1));
  auto handler_before = std::signal(SIGPIPE, SIG_DFL);
  for (auto style : {progress_style::bar, progress_style::lines}) {
    progress_bar bar{pipe.in, style, clock()};
    bar.show(after(10));
    EXPECT_EQ(bar.style(), progress_style::off);
    bar.finish(after(100));
  }
  sigset_t blocked;
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, nullptr, &blocked), 0);
  EXPECT_EQ(::sigismember(&blocked, SIGPIPE), 0);
  std::signal(SIGPIPE, handler_before);
}

TEST_F(progress_bar_test, survives_a_descriptor_that_is_not_open) {
  progress_bar bar{-1, progress_style::bar, clock()};
  bar.show(after(10));
  bar.finish(after(100));
  EXPECT_EQ(bar.style(), progress_style::off);
}

TEST_F(progress_bar_test, writes_whole_lines_through_a_pipe_that_is_full_at_times) {
  pipe_channel pipe;
  ASSERT_EQ(::fcntl(pipe.in, F_SETFL, O_NONBLOCK), 0);
  std::string filler(4096, '.');
  std::size_t filled = 0;
  for (auto n = ::write(pipe.in, filler.data(), filler.size()); n > 0;
       n = ::write(pipe.in, filler.data(), filler.size()))
    filled += static_cast<std::size_t>(n);
  std::string text;
  {
    std::jthread reader{[&] {
      std::array<char, 4096> some;
      for (auto n = ::read(pipe.out, some.data(), some.size()); n > 0; n = ::read(pipe.out, some.data(), some.size()))
        text.append(some.data(), static_cast<std::size_t>(n));
    }};
    progress_bar bar{pipe.in, progress_style::lines, clock()};
    bar.finish(after(100));
    ::close(std::exchange(pipe.in, -1));
  }
  EXPECT_EQ(text.substr(filled), plain_line(after(100)) + '\n');
}
