#include "daskify/deploy/batch/command_queue.hpp"

#include <utility>

namespace daskify::internal {

void command_queue::start() {
  std::lock_guard guard{mutex_};
  thread_ = std::make_unique<serial_executor>();
}

void command_queue::stop() {
  std::unique_lock lock{mutex_};
  auto ending = std::move(thread_);
  lock.unlock(); // the thread takes the lock, too
}

bool command_queue::is_started() const {
  std::lock_guard guard{mutex_};
  return thread_ != nullptr;
}

void command_queue::post(std::string_view name, std::function<void()> command) {
  std::lock_guard guard{mutex_};
  if (!thread_)
    return;
  ++open_;
  thread_->post([this, name = std::string{name}, command = std::move(command)] { run(name, command); });
}

void command_queue::run(std::string_view name, const std::function<void()>& command) {
  {
    std::lock_guard guard{mutex_};
    running_ = {std::string{name}, clock::now()};
  }
  command();
  std::lock_guard guard{mutex_};
  running_ = {};
  --open_;
  idle_.notify_all();
}

bool command_queue::wait_until_idle(clock::time_point until) {
  std::unique_lock lock{mutex_};
  return idle_.wait_until(lock, until, [this] { return open_ == 0; });
}

auto command_queue::running() const -> running_command {
  std::lock_guard guard{mutex_};
  return running_;
}

} // namespace daskify::internal
