#pragma once

/// A copy of this process that runs a piece of a test.

#include "daskify/os/process_identity.hpp"

#include <functional>
#include <sys/wait.h>
#include <unistd.h>

namespace daskify::test {

/// Runs `work` in a forked process and returns its pid.
inline pid_t forked(const std::function<bool()>& work) {
  pid_t pid = ::fork();
  if (pid == 0)
    ::_exit(work() ? 0 : 1);
  return pid;
}

inline int exit_code_of(pid_t pid) {
  int status = -1;
  return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

inline internal::process_identity ended_process() {
  auto result = internal::this_process();
  result.pid = forked([] { return true; });
  exit_code_of(result.pid);
  return result;
}

} // namespace daskify::test
