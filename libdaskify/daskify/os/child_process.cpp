#include "daskify/os/child_process.hpp"

#include "daskify/error.hpp"
#include "daskify/os/control_groups.hpp"
#include "daskify/os/cpu_count.hpp"
#include "daskify/os/environment.hpp"
#include "daskify/os/file_descriptor.hpp"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

extern "C" { // the header of glibc 2.36 lacks it
#include <sys/pidfd.h>
}

namespace daskify::internal {

namespace {

child_id next_id() {
  static std::atomic<std::uint64_t> last{0};
  return child_id{++last};
}

exit_status to_exit_status(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED)
    return exited{info.si_status};
  return signalled{info.si_status, info.si_code == CLD_DUMPED};
}

struct explanation {
  std::string operator()(const exited& end) const { return "ended with exit code " + std::to_string(end.code); }

  std::string operator()(const signalled& end) const {
    auto text = "was killed by signal " + std::to_string(end.number);
    if (const char* name = ::sigdescr_np(end.number)) {
      std::string lower{name};
      lower[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(lower[0])));
      text += " (" + lower + ")";
    }
    if (end.core_dumped)
      text += " and left a core file";
    if (end.out_of_memory)
      text += ", most likely because its memory limit was reached";
    return text;
  }

  std::string operator()(const unknown_end&) const {
    return "ended, with a status that the program took away (it ignores SIGCHLD or waits for any child)";
  }
};

} // namespace

std::string explain(const exit_status& status) {
  return std::visit(explanation{}, status);
}

file_descriptor open_ended_descriptor(pid_t pid) {
  file_descriptor pidfd{::pidfd_open(pid, 0)};
  if (!pidfd && errno == ESRCH)
    return file_descriptor{::eventfd(1, EFD_CLOEXEC)}; // already signalled, so it polls as readable
  return pidfd;
}

bool ends_within(int ended_descriptor, std::chrono::milliseconds patience) {
  auto until = std::chrono::steady_clock::now() + patience;
  while (true) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd watched{ended_descriptor, POLLIN, 0};
    auto result = ::poll(&watched, 1, static_cast<int>(std::max(left.count(), std::chrono::milliseconds::rep{0})));
    if (result >= 0 || errno != EINTR)
      return result > 0;
  }
}

child::child(pid_t pid, file_descriptor lifeline) noexcept
    : id_{next_id()},
      pid_{pid},
      parent_{::getpid()},
      ended_{open_ended_descriptor(pid)},
      lifeline_{std::move(lifeline)} {}

child::~child() {
  if (!is_ours())
    return;
  while (!reap()) {
    kill_group();
    pollfd ended{ended_.get(), POLLIN, 0};
    ::poll(&ended, 1, -1);
  }
}

bool child::is_ours() const noexcept {
  return ended_ && ::getpid() == parent_;
}

void child::ask_to_end() noexcept {
  lifeline_.reset();
  if (is_ours())
    ::pidfd_send_signal(ended_.get(), SIGTERM, nullptr, 0);
}

void child::kill_group() noexcept {
  // While the leader can be signalled (running or a zombie), the number of its group is not reused.
  if (is_ours() && ::pidfd_send_signal(ended_.get(), SIGKILL, nullptr, 0) == 0)
    ::kill(-pid_, SIGKILL);
}

std::optional<exit_status> child::reap() noexcept {
  if (status_ || !is_ours())
    return status_;
  siginfo_t info{};
  auto pidfd = static_cast<id_t>(ended_.get());
  bool known = ::waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
  if (known && info.si_pid == 0)
    return std::nullopt;
  if (known)
    kill_group();
  else if (::kill(pid_, 0) != 0 && errno == ESRCH)
    ::kill(-pid_, SIGKILL); // the leader has been reaped; its pid is not reused while its group has members
  info = {};
  known = known && ::waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0;
  return status_ = known ? to_exit_status(info) : unknown_end{};
}

} // namespace daskify::internal
