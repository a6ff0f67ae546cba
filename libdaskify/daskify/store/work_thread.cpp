#include "daskify/store/work_thread.hpp"

#include "daskify/deploy/quiet_thread.hpp"
#include "daskify/error.hpp"

#include <system_error>

namespace daskify::internal {

work_thread::work_thread() {
  try {
    thread_ = start_thread("daskify-work", [this] { run(); });
  } catch (const std::system_error& e) {
    throw cluster_error{error_code::session_failed, std::string{"No thread can be started for work on data: "} +
                                                        e.what() + "; allow more processes (ulimit -u)."};
  }
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
