#include "daskify/text/printable.hpp"

#include <gtest/gtest.h>

using namespace daskify::internal;

namespace {

TEST(printable, lets_text_of_any_language_pass) {
  for (auto text : {"plain\ttext\n", "\u00a0\u00fc\u00df", "\u65e5\u672c", "\U0001f600", ""})
    EXPECT_EQ(printable(text), text);
}

TEST(printable, takes_away_what_steers_a_terminal) {
  EXPECT_EQ(printable("\x1b[2Jgone\a\x7f"), "?[2Jgone??");
  EXPECT_EQ(printable(std::string_view{"a\0b", 3}), "a?b");
  EXPECT_EQ(printable("\u009b1m"), "??1m");
}

TEST(printable, ends_a_line_where_a_progress_bar_starts_over) {
  EXPECT_EQ(printable("10%\r20%\r\ndone\r"), "10%\n20%\ndone\n");
}

TEST(printable, replaces_each_byte_that_is_not_utf8) {
  EXPECT_EQ(printable("\xff\xfe"), "??");
  EXPECT_EQ(printable("\xe2\x82"), "??");            // ends too early
  EXPECT_EQ(printable("\xc0\xaf"), "??");            // overlong
  EXPECT_EQ(printable("\xe0\x80\xaf"), "???");       // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "???");       // surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "????");  // beyond Unicode
  EXPECT_EQ(printable("\xc3(\xc3\xa9"), "?(\u00e9"); // goes on after the bad byte
}

TEST(in_quotes, shows_a_text_as_it_is) {
  EXPECT_EQ(in_quotes("size"), "'size'");
  EXPECT_EQ(in_quotes(""), "''");
}

TEST(in_quotes, makes_control_characters_visible) {
  EXPECT_EQ(in_quotes("a\033[31m\nb\x7f"), R"('a\x1b[31m\x0ab\x7f')");
}

TEST(in_quotes, leaves_out_the_end_of_a_very_long_text) {
  EXPECT_EQ(in_quotes(std::string(80, 'x')), "'" + std::string(80, 'x') + "'");
  EXPECT_EQ(in_quotes(std::string(1000, 'x')), "'" + std::string(80, 'x') + "...'");
}

} // namespace
