#include "daskify/text/shell_words.hpp"

#include "daskify/error.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>
#include <vector>

using namespace daskify;
using namespace daskify::internal;
using namespace std::string_literals;

namespace {

std::string all_bytes() {
  std::string bytes;
  for (int byte = 1; byte < 256; ++byte)
    bytes += static_cast<char>(byte);
  return bytes;
}

const std::vector<std::string>& nasty_values() {
  static const std::vector<std::string> values{"",
                                               " ",
                                               "plain",
                                               "two words",
                                               "it's",
                                               "''",
                                               "\"double\"",
                                               "$HOME",
                                               "$(touch /tmp/never)",
                                               "`id`",
                                               "back\\slash\\",
                                               "#no comment",
                                               "~",
                                               "*",
                                               "a;b&c|d<e>f",
                                               "!!",
                                               "{a,b}",
                                               "line\nline",
                                               "\n",
                                               "dos\r\nline\r\n",
                                               "\r\r\n\n",
                                               "tab\tend ",
                                               "-n",
                                               "ünïcödé \xe2\x82\xac",
                                               "\xff\xfe not UTF-8",
                                               all_bytes()};
  return values;
}

class shell_words_test : public testing::Test {
protected:
  void SetUp() override {
    auto name = testing::TempDir() + "shell-words-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// What `shell` passes to a command for these words.
  std::vector<std::string> arguments_by(const std::string& shell, const std::string& words) {
    auto script = (folder_ / "script").string();
    auto output = (folder_ / "output").string();
    std::ofstream{script, std::ios::binary} << "printf '%s\\0' " << words << "\n";
    EXPECT_EQ(std::system((shell + " " + script + " > " + output).c_str()), 0);
    std::ifstream stream{output, std::ios::binary};
    std::vector<std::string> arguments;
    for (std::string argument; std::getline(stream, argument, '\0');)
      arguments.push_back(argument);
    return arguments;
  }

  std::filesystem::path folder_;
};

std::string refusal_of_sbatch_for(std::string_view text) {
  try {
    quoted_for_sbatch(text);
  } catch (const config_error& refused) {
    EXPECT_EQ(refused.code(), error_code::bad_option_value);
    return refused.what();
  }
  return "none";
}

} // namespace

TEST(shell_words, plain_words_stay_as_they_are) {
  for (auto word : {"a", "/usr/bin/env", "--with=a:b,c", "name@host", "50%", "a.b-c_d+e"})
    EXPECT_EQ(quoted_for_shell(word), word);
}

TEST(shell_words, other_words_are_in_single_quotes) {
  EXPECT_EQ(quoted_for_shell(""), "''");
  EXPECT_EQ(quoted_for_shell("two words"), "'two words'");
  EXPECT_EQ(quoted_for_shell("it's $HOME"), R"('it'\''s $HOME')");
}

TEST_F(shell_words_test, every_shell_gives_back_what_was_quoted) {
  std::string words;
  for (const auto& value : nasty_values())
    words += quoted_for_shell(value) + " ";
  for (auto shell : {"sh", "bash", "LC_ALL=C bash"})
    EXPECT_EQ(arguments_by(shell, words), nasty_values()) << shell;
}

TEST(shell_words, no_script_gets_a_line_break_of_dos) {
  for (const auto& value : nasty_values())
    EXPECT_EQ(quoted_for_shell(value).find("\r\n"), std::string::npos);
}

TEST(shell_words, no_shell_can_pass_a_nul) {
  EXPECT_THROW(quoted_for_shell("a\0b"s), config_error);
}

TEST(shell_words, an_option_of_sbatch_is_quoted_behind_its_equals_sign) {
  EXPECT_EQ(quoted_for_sbatch("--job-name=two words"), "--job-name='two words'");
  EXPECT_EQ(quoted_for_sbatch("--comment=it's a \\ \"b\" #1"), R"(--comment='it\'s a \\ "b" #1')");
  EXPECT_EQ(quoted_for_sbatch("--gres=gpu:1"), "--gres=gpu:1");
  EXPECT_EQ(quoted_for_sbatch("--comment="), "--comment=");
  EXPECT_EQ(quoted_for_sbatch("--a b=c"), "'--a b=c'");
  EXPECT_EQ(quoted_for_sbatch("-Jtwo words"), "'-Jtwo words'");
}

TEST(shell_words, sbatchs_own_words_are_not_left_bare) {
  EXPECT_EQ(quoted_for_sbatch(":"), "':'");
  EXPECT_EQ(quoted_for_sbatch("hetjob"), "'hetjob'");
  EXPECT_EQ(quoted_for_sbatch("PackJob"), "'PackJob'");
}

TEST(shell_words, says_why_sbatch_could_not_read_a_value) {
  EXPECT_EQ(refusal_of_sbatch_for("--job-name=a\nb"),
            "'--job-name=a\\x0ab' cannot be written on a #SBATCH line: it holds a newline");
  EXPECT_EQ(refusal_of_sbatch_for("--job-name=a\0b"s),
            "'--job-name=a\\x00b' cannot be written on a #SBATCH line: it holds a NUL character");
  EXPECT_EQ(refusal_of_sbatch_for(""),
            "'' cannot be an argument on a #SBATCH line: sbatch skips what follows an empty one");
}
