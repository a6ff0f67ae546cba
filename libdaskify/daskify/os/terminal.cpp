#include "daskify/os/terminal.hpp"

#include "daskify/os/environment.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace daskify::internal {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds patience{1000}; // timeout for a full descriptor
constexpr std::size_t unblocking = PIPE_BUF;        // bytes that a writable pipe accepts without blocking

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
    ready = ::poll(&poll, 1, static_cast<int>(patience.count()));
  while (ready < 0 && errno == EINTR);
  return ready > 0;
}

} // namespace

bool is_able_terminal(int descriptor) {
  auto term = environment_text("TERM");
  return ::isatty(descriptor) == 1 && !term.empty() && term != "dumb";
}

bool write_all(int descriptor, std::string_view text) {
  sigpipe_guard guard;
  auto last_progress = clock::now();
  while (!text.empty()) {
    auto written = ::write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
      last_progress = clock::now();
    } else if (errno == EAGAIN) {
      if (clock::now() - last_progress >= patience || !wait_until_writable(descriptor))
        return false;
      ::poll(nullptr, 0, 1); // a terminal may poll as writable without room for a newline
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool write_soon(int descriptor, std::string_view text) {
  // A writable terminal may accept fewer bytes and then block. O_NONBLOCK would affect all holders of the open file, so
  // this function opens its own.
  struct stat what {};
  if (::fstat(descriptor, &what) == 0 && (S_ISCHR(what.st_mode) || S_ISFIFO(what.st_mode)))
    if (int own = ::open(("/proc/self/fd/" + std::to_string(descriptor)).c_str(),
                         O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        own >= 0) {
      auto is_written = write_all(own, text);
      ::close(own);
      return is_written;
    }
  for (; !text.empty(); text.remove_prefix(std::min(unblocking, text.size())))
    if (!wait_until_writable(descriptor) || !write_all(descriptor, text.substr(0, unblocking)))
      return false;
  return true;
}

} // namespace daskify::internal
