#include "daskify/os/termination.hpp"

#include <thread>

namespace daskify::internal {

termination::termination(std::initializer_list<int> signals) {
  ::sigemptyset(&signals_);
  for (int signal : signals)
    ::sigaddset(&signals_, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

void termination::listen(std::function<void()> on_signal) const {
  std::thread{[signals = signals_, on_signal = std::move(on_signal)] {
    int signal = 0;
    while (::sigwait(&signals, &signal) == 0)
      on_signal();
  }}.detach();
}

void termination::wait() const {
  int signal = 0;
  while (::sigwait(&signals_, &signal) != 0) {
  }
}

bool termination::wait_for(std::chrono::milliseconds limit) const {
  auto whole = std::chrono::duration_cast<std::chrono::seconds>(limit);
  timespec left{whole.count(), std::chrono::nanoseconds{limit - whole}.count()};
  return ::sigtimedwait(&signals_, nullptr, &left) > 0; // EINTR counts as no signal; the caller calls again
}

} // namespace daskify::internal
