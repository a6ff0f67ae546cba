#pragma once

/// Runs a built program as a child process, whose output can be inspected while it runs.

#include "leftovers.hpp"
#include "text_of.hpp"

#include <csignal>
#include <fcntl.h>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace daskify::test {

/// The destructor asks the program to end if it still runs, and kills it if it does not end.
class child_program {
public:
  /// `program` is a path, or the name of one of the built programs. `output`: a descriptor that it prints to, instead
  /// of a file that the test reads.
  child_program(const std::string& program, std::vector<std::string> arguments, int output = -1) {
    auto path = program.find('/') == program.npos ? DASKIFY_BIN_DIR "/" + program : program;
    arguments.insert(arguments.begin(), path);
    std::vector<char*> argv;
    for (auto& a : arguments)
      argv.push_back(a.data());
    argv.push_back(nullptr);
    auto path_of_output = (folder_.path() / "output").string();
    pid_ = ::fork();
    if (pid_ == 0) {
      int file = output >= 0 ? output : ::open(path_of_output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(file, 1);
      ::dup2(file, 2);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
  }
  child_program(const child_program&) = delete;
  child_program& operator=(const child_program&) = delete;
  ~child_program() {
    if (has_ended())
      return;
    signal(SIGTERM);
    signal(SIGCONT);
    if (wait(std::chrono::seconds{5}) == -2) {
      signal(SIGKILL);
      wait();
    }
  }

  pid_t pid() const { return pid_; }

  std::string output() const { return text_of(folder_.path() / "output"); }

  /// Whether the program has printed `text`, or prints it within 20 s.
  bool says(const std::string& text) const {
    return eventually([&] { return output().find(text) != std::string::npos; });
  }

  /// Returns after SIGSTOP when the program stands still.
  void signal(int number) const {
    siginfo_t stopped{};
    if (::kill(pid_, number) == 0 && number == SIGSTOP)
      ::waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED | WEXITED | WNOWAIT);
  }

  bool has_ended() {
    if (!status_)
      if (int status = 0; ::waitpid(pid_, &status, WNOHANG) == pid_)
        status_ = status;
    return status_.has_value();
  }

  /// The exit code; -1 if a signal ended the program, -2 if it has not ended within `limit`.
  int wait(std::chrono::milliseconds limit = std::chrono::seconds{20}) {
    if (!eventually([&] { return has_ended(); }, limit))
      return -2;
    return WIFEXITED(*status_) ? WEXITSTATUS(*status_) : -1;
  }

private:
  temporary_folder folder_;
  pid_t pid_ = 0;
  std::optional<int> status_;
};

} // namespace daskify::test
