#include "daskify/deploy/termination.hpp"

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

} // namespace daskify::internal
