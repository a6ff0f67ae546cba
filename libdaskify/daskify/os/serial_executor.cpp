#include "daskify/os/serial_executor.hpp"

#include "daskify/os/thread.hpp"

namespace daskify::internal {

serial_executor::serial_executor() {
  thread_ = start_thread("daskify-work", [this] { run(); });
}

serial_executor::~serial_executor() {
  {
    std::lock_guard guard{mutex_};
    ending_ = true;
    queue_.clear();
  }
  added_.notify_one();
  thread_.join();
}

void serial_executor::post(std::function<void()> work) {
  {
    std::lock_guard guard{mutex_};
    if (ending_)
      return;
    queue_.push_back(std::move(work));
  }
  added_.notify_one();
}

void serial_executor::run() {
  std::unique_lock lock{mutex_};
  while (true) {
    added_.wait(lock, [this] { return ending_ || !queue_.empty(); });
    if (ending_)
      return;
    auto work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

} // namespace daskify::internal
