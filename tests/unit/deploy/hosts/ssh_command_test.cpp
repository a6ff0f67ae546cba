#include "daskify/deploy/hosts/ssh_command.hpp"

#include "daskify/error.hpp"

#include <gmock/gmock.h>

namespace {

using namespace daskify::internal;
using testing::Contains;
using testing::EndsWith;
using testing::HasSubstr;
using words = std::vector<std::string>;

host_request sample() {
  host_request request;
  request.host = "someone@n1";
  request.program = "/home/someone's/program";
  return request;
}

TEST(ssh_command, ends_with_the_host_and_one_word_for_its_shell) {
  auto command = ssh_command(sample());
  ASSERT_GE(command.size(), 3u);
  EXPECT_EQ(command.front(), "ssh");
  EXPECT_EQ(command.at(command.size() - 3), "--");
  EXPECT_EQ(command.at(command.size() - 2), "someone@n1");
  EXPECT_THAT(command.back(), testing::StartsWith("exec /bin/sh -c '"));
}

TEST(ssh_command, asks_for_no_password_and_lends_the_host_no_agent) {
  auto command = ssh_command(sample());
  EXPECT_THAT(command, Contains("BatchMode=yes"));
  EXPECT_THAT(command, Contains("-a"));
  EXPECT_THAT(command, Contains("-x"));
}

TEST(ssh_command, puts_options_of_the_user_first_because_ssh_takes_the_first_of_two) {
  auto request = sample();
  request.extra = {"-p 2222", "-oConnectTimeout=3", "-F  /a folder/config"};
  auto command = ssh_command(request);
  EXPECT_EQ(words(command.begin() + 1, command.begin() + 6),
            (words{"-p", "2222", "-oConnectTimeout=3", "-F", "/a folder/config"}));
}

TEST(ssh_command, refuses_options_that_take_input_or_command_from_ssh) {
  for (auto option : {"-n", "-f", "-N", "-fN", "-tt", "-W a:1", "-V", "-", "", "n1", "--"}) {
    auto request = sample();
    request.extra = {option};
    EXPECT_THROW(ssh_command(request), daskify::config_error) << option;
  }
}

TEST(ssh_command, gives_the_shell_of_the_host_a_script_that_survives_all_quotes) {
  auto request = sample();
  request.working_directory = "/tmp";
  request.prologue = {"X=\"a'b\\$c\""};
  request.environment = {{"NAME", "it's $HOME \"quoted\" `date` \\"}};
  request.program = "/usr/bin/env";
  auto command = ssh_command(request);
  // By the user's shell, as sshd runs it.
  auto* output = ::popen(("X=\n" + command.back()).c_str(), "r");
  ASSERT_TRUE(output);
  std::string text(1 << 16, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), output));
  EXPECT_EQ(::pclose(output), 0);
  EXPECT_THAT(text, testing::StartsWith(std::string{reached_line()}));
  EXPECT_THAT(text, HasSubstr("\nNAME=it's $HOME \"quoted\" `date` \\\n"));
  EXPECT_THAT(text, HasSubstr("PWD=/tmp\n"));
}

TEST(ssh_command, ends_a_node_whose_prologue_fails) {
  auto request = sample();
  request.prologue = {"false"};
  request.program = "/bin/true";
  EXPECT_NE(std::system((ssh_command(request).back() + " >/dev/null").c_str()), 0);
}

} // namespace
