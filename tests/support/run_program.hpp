#pragma once

/// Runs commands, and the built programs, as a user would.

#include <array>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <sys/wait.h>

namespace daskify::test {

struct program_result {
  int exit_code;      ///< -1 if a signal ended it
  std::string output; ///< including stderr
};

/// Runs a command line of a shell.
inline program_result run_command_line(const std::string& command) {
  auto* pipe = popen(("{ " + command + "\n} 2>&1").c_str(), "r");
  if (!pipe)
    throw std::runtime_error{"popen failed: " + command};
  std::string output;
  std::array<char, 4096> part;
  while (auto size = std::fread(part.data(), 1, part.size(), pipe))
    output.append(part.data(), size);
  auto status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, std::move(output)};
}

inline std::string output_of(const std::string& command) {
  return run_command_line(command).output;
}

/// Runs a program of build/bin; `arguments` is a part of a shell's command line. Runs it in another folder than the
/// tests', because no program may depend on the current one.
inline program_result run_program(const std::string& name, const std::string& arguments = "") {
  return run_command_line("cd / && exec '" DASKIFY_BIN_DIR "/" + name + "' " + arguments);
}

} // namespace daskify::test
