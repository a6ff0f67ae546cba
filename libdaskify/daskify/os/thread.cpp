#include "daskify/os/thread.hpp"

#include "daskify/error.hpp"

#include <csignal>
#include <pthread.h>
#include <string>
#include <system_error>

namespace daskify::internal {

namespace {

/// Threads started during its lifetime block all signals: a new thread inherits the mask of its parent.
class signals_blocked {
public:
  signals_blocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;
  ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
  sigset_t before_;
};

} // namespace

std::thread start_thread(const char* name, std::function<void()> run) {
  signals_blocked here;
  try {
    std::thread started{std::move(run)};
    ::pthread_setname_np(started.native_handle(), name);
    return started;
  } catch (const std::system_error& e) {
    throw cluster_error{error_code::session_failed, std::string{"The thread '"} + name + "' cannot be started (" +
                                                        e.code().message() + "); allow more processes (ulimit -u)."};
  }
}

} // namespace daskify::internal
