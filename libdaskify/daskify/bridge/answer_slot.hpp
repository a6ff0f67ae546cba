#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

namespace daskify::internal {

/// A slot in which a thread waits for one answer. Thread-safe; all answers but the first are ignored.
template <class T>
class answer_slot {
public:
  void fill(T answer) {
    set([&] { answer_.emplace(std::move(answer)); });
  }
  void fail(std::exception_ptr why) {
    set([&] { failure_ = std::move(why); });
  }

  /// Returns the answer, or nothing if `until` passes first. Throws the exception given to `fail` instead.
  std::optional<T> wait(std::optional<std::chrono::steady_clock::time_point> until) {
    std::unique_lock lock{mutex_};
    auto over = [&] { return done_; };
    if (!until)
      filled_.wait(lock, over);
    else if (!filled_.wait_until(lock, *until, over))
      return {};
    if (failure_)
      std::rethrow_exception(failure_);
    return std::move(answer_);
  }

private:
  template <class F>
  void set(F&& f) {
    {
      std::lock_guard guard{mutex_};
      if (done_)
        return;
      f();
      done_ = true;
    }
    filled_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable filled_;
  bool done_ = false;
  std::optional<T> answer_;
  std::exception_ptr failure_;
};

} // namespace daskify::internal
