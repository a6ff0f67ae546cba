#pragma once

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace daskify::test {

/// Both ends of a pipe or a pseudo-terminal: the tested code writes to `in`, the test reads from `out`.
struct channel {
  int out = -1;
  int in = -1;

  ~channel() {
    ::close(out);
    if (in >= 0)
      ::close(in);
  }

  std::string drain() const {
    ::fcntl(out, F_SETFL, O_NONBLOCK);
    std::string text;
    std::array<char, 4096> some;
    for (auto n = ::read(out, some.data(), some.size()); n > 0; n = ::read(out, some.data(), some.size()))
      text.append(some.data(), static_cast<std::size_t>(n));
    return text;
  }
};

struct pipe_channel : channel {
  pipe_channel() {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    out = ends[0];
    in = ends[1];
  }

  /// Fills the pipe, as if it had not been read for long.
  void fill() const {
    ::fcntl(in, F_SETFL, O_NONBLOCK);
    while (::write(in, "x", 1) == 1) {
    }
    ::fcntl(in, F_SETFL, 0);
  }
};

struct terminal : channel {
  explicit terminal(unsigned short columns) {
    out = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT_EQ(::grantpt(out), 0);
    EXPECT_EQ(::unlockpt(out), 0);
    std::array<char, 128> name;
    EXPECT_EQ(::ptsname_r(out, name.data(), name.size()), 0);
    in = ::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT_GE(in, 0);
    resize(columns);
  }

  void resize(unsigned short columns) const {
    winsize size{};
    size.ws_col = columns;
    EXPECT_EQ(::ioctl(in, TIOCSWINSZ, &size), 0);
  }
};

} // namespace daskify::test
