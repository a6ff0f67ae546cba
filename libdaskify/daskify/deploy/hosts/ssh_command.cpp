#include "daskify/deploy/hosts/ssh_command.hpp"

#include "daskify/error.hpp"
#include "daskify/os/child_process.hpp"
#include "daskify/text/printable.hpp"
#include "daskify/text/shell_words.hpp"

#include <algorithm>

namespace daskify::internal {

namespace {

/// An option and its value, separated by a blank, are two arguments.
void add_option(std::vector<std::string>& words, const std::string& option) {
  constexpr std::string_view without_input = "-fnNstWOQV"; // or without a command
  if (!option.starts_with('-') || option.size() < 2 || without_input.find(option[1]) != without_input.npos)
    throw config_error{error_code::bad_option_value,
                       "The option " + in_quotes(option) +
                           " of ssh cannot be in job_extra: an option begins with '-', and none that takes the input "
                           "or the command from ssh can be used (-f, -n, -N, -s, -t, -W, -O, -Q, -V)"};
  auto blank = option.find(' ');
  words.push_back(option.substr(0, blank));
  if (auto value = option.find_first_not_of(' ', blank); blank != option.npos && value != option.npos)
    words.push_back(option.substr(value));
}

/// The script for a POSIX shell on the host.
std::string script_for(const host_request& request) {
  auto lifeline = std::to_string(lifeline_descriptor);
  std::string script = "echo " + quoted_for_shell(reached_line()) + "\nexec " + lifeline + "<&0 </dev/null\n";
  if (!request.working_directory.empty())
    script += "cd " + quoted_for_shell(request.working_directory) + "\n";
  if (!request.prologue.empty())
    script += "set -e\n";
  for (const auto& line : request.prologue)
    script += line + '\n';
  for (const auto& [name, value] : request.environment)
    script += "export " + name + '=' + quoted_for_shell(value) + '\n';
  return script + "exec " + quoted_for_shell(request.program) + '\n';
}

} // namespace

std::vector<std::string> ssh_command(const host_request& request) {
  std::vector<std::string> words{"ssh"};
  for (const auto& option : request.extra) // of two values for an option, ssh uses the first
    add_option(words, option);
  // No password, terminal, or forwarding of anything that the host could use; no shared connection.
  for (const auto* word : {"-T", "-a", "-x", "-e", "none", "-o", "BatchMode=yes", "-o", "ControlPath=none", "-o",
                           "ConnectTimeout=15", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4"})
    words.push_back(word);
  words.insert(words.end(), {"--", request.host});
  // Every login shell reads a word in single quotes in the same way.
  words.push_back("exec /bin/sh -c " + quoted_for_shell(script_for(request)));
  return words;
}

std::string_view reached_line() noexcept {
  return "daskify: the host is reached.";
}

} // namespace daskify::internal
