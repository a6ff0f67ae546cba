#include "daskify/progress/terminal.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

namespace daskify::internal {

namespace {

constexpr int patience = 1000;               // ms a full descriptor is waited for
constexpr std::size_t unblocking = PIPE_BUF; // a descriptor that is writable takes so much at once

/// Keeps a write to a closed pipe from ending the program, without touching its signal handlers.
class sigpipe_guard {
public:
  sigpipe_guard() {
    ::sigemptyset(&sigpipe_);
    ::sigaddset(&sigpipe_, SIGPIPE);
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }

  sigpipe_guard(const sigpipe_guard&) = delete;
  sigpipe_guard& operator=(const sigpipe_guard&) = delete;

  ~sigpipe_guard() {
    timespec at_once{};
    if (!was_pending_)
      while (::sigtimedwait(&sigpipe_, nullptr, &at_once) == -1 && errno == EINTR) {
      }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

private:
  sigset_t sigpipe_;
  sigset_t before_;
  bool was_pending_;
};

bool wait_until_writable(int descriptor) {
  pollfd poll{.fd = descriptor, .events = POLLOUT, .revents = 0};
  int ready = 0;
  do
    ready = ::poll(&poll, 1, patience);
  while (ready < 0 && errno == EINTR);
  return ready > 0;
}

} // namespace

std::string_view environment_text(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool is_able_terminal(int descriptor) {
  auto term = environment_text("TERM");
  return ::isatty(descriptor) == 1 && !term.empty() && term != "dumb";
}

bool write_all(int descriptor, std::string_view text) {
  sigpipe_guard guard;
  while (!text.empty()) {
    auto written = ::write(descriptor, text.data(), text.size());
    if (written >= 0)
      text.remove_prefix(static_cast<std::size_t>(written));
    else if (errno == EAGAIN ? !wait_until_writable(descriptor) : errno != EINTR)
      return false;
  }
  return true;
}

bool write_soon(int descriptor, std::string_view text) {
  for (; !text.empty(); text.remove_prefix(std::min(unblocking, text.size())))
    if (!wait_until_writable(descriptor) || !write_all(descriptor, text.substr(0, unblocking)))
      return false;
  return true;
}

} // namespace daskify::internal
