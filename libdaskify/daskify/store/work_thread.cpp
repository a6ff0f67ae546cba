#include "daskify/store/work_thread.hpp"

#include "daskify/deploy/quiet_thread.hpp"

namespace daskify::internal {

work_thread::work_thread() {
  thread_ = start_thread("daskify-work", [this] { run(); });
}

work_thread::~work_thread() {
  {
    std::lock_guard guard{mutex_};
    ending_ = true;
    queue_.clear();
  }
  added_.notify_one();
  thread_.join();
}

void work_thread::post(std::function<void()> work) {
  {
    std::lock_guard guard{mutex_};
    if (ending_)
      return;
    queue_.push_back(std::move(work));
  }
  added_.notify_one();
}

void work_thread::run() {
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
