#include "daskify/os/log_tail.hpp"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>

using namespace daskify::internal;

namespace {

class log_tail_test : public testing::Test {
protected:
  void SetUp() override {
    auto name = testing::TempDir() + "log-tail-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path log_with(std::string_view text) {
    std::ofstream{folder_ / "log", std::ios::binary} << text;
    return folder_ / "log";
  }

  std::filesystem::path folder_;
};

} // namespace

TEST_F(log_tail_test, gives_the_last_lines_without_the_final_newline) {
  auto log = log_with("one\ntwo\nthree\n");
  EXPECT_EQ(log_tail(log, 2), "two\nthree");
  EXPECT_EQ(log_tail(log, 1), "three");
  EXPECT_EQ(log_tail(log, 3), "one\ntwo\nthree");
  EXPECT_EQ(log_tail(log, 99), "one\ntwo\nthree");
  EXPECT_EQ(log_tail(log, 0), "");
}

TEST_F(log_tail_test, keeps_empty_lines_and_a_last_line_without_newline) {
  EXPECT_EQ(log_tail(log_with("one\n\ntwo"), 2), "\ntwo");
  EXPECT_EQ(log_tail(log_with("\n\n\n"), 2), "\n");
  EXPECT_EQ(log_tail(log_with("\n"), 2), "");
}

TEST_F(log_tail_test, is_empty_for_what_holds_no_text) {
  EXPECT_EQ(log_tail(folder_ / "missing"), "");
  EXPECT_EQ(log_tail(folder_), "");
  EXPECT_EQ(log_tail(log_with("")), "");
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(log_tail(folder_ / "fifo"), "");
}

TEST_F(log_tail_test, drops_a_line_whose_beginning_is_out_of_reach) {
  auto log = log_with("a long first line\nsecond\n");
  EXPECT_EQ(log_tail(log, 9, 12), "second");
  EXPECT_EQ(log_tail(log, 9, 0), "");
}

TEST_F(log_tail_test, shows_the_end_of_a_line_that_is_longer_than_the_limit) {
  EXPECT_EQ(log_tail(log_with(std::string(5000, 'x') + "end\n"), 9, 8), "xxxxend");
}

TEST_F(log_tail_test, reads_only_the_end_of_a_huge_file) {
  auto log = log_with("");
  std::filesystem::resize_file(log, std::uintmax_t{1} << 40); // sparse: takes no room
  std::ofstream{log, std::ios::app} << "\nlast words\n";
  EXPECT_EQ(log_tail(log, 1), "last words");
}

TEST(last_lines, shows_only_what_was_written_later) {
  log_end log{"one\ntwo\nthree\n", 14};
  EXPECT_EQ(last_lines(log, 9, 4), "two\nthree");
  EXPECT_EQ(last_lines(log, 1, 4), "three");
  EXPECT_EQ(last_lines(log, 9, 14), "");
  EXPECT_EQ(last_lines(log, 9, 99), "");
}

TEST(last_lines, leaves_out_a_line_whose_beginning_was_not_read) {
  log_end log{"wo\nthree\n", 14};
  EXPECT_EQ(last_lines(log, 9, 4), "three");
  EXPECT_EQ(last_lines(log, 9, 5), "wo\nthree") << "it begins where the caller's part begins";
}
