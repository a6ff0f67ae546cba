#include "daskify/os/terminal.hpp"

#include "support/channel.hpp"

using namespace daskify::internal;
using namespace daskify::test;

namespace {

TEST(terminal_test, is_written_to_at_once_while_it_takes_something) {
  terminal tty{80};
  EXPECT_TRUE(write_soon(tty.in, "all is well\n"));
  EXPECT_EQ(tty.drain(), "all is well\r\n");
}

TEST(terminal_test, is_not_waited_for_when_it_was_stopped) {
  terminal tty{80};
  ASSERT_EQ(::tcflow(tty.in, TCOOFF), 0);
  EXPECT_FALSE(write_soon(tty.in, "all is well\n"));
  ASSERT_EQ(::tcflow(tty.in, TCOON), 0);
  EXPECT_EQ(tty.drain(), "");
}

TEST(terminal_test, is_not_waited_for_when_nobody_reads_it) {
  terminal tty{80};
  int lines = 0;
  while (write_soon(tty.in, "all is well, and this line has something more to say\n"))
    ASSERT_LT(++lines, 100'000);
  EXPECT_GT(lines, 0);
}

TEST(terminal_test, is_not_waited_for_when_it_is_a_pipe_that_nobody_reads) {
  pipe_channel pipe;
  EXPECT_FALSE(write_soon(pipe.in, std::string(1 << 20, 'x')));
  EXPECT_GE(pipe.drain().size(), 4096u);
}

} // namespace
