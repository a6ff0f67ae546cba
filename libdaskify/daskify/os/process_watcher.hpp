#pragma once

/// Watches child processes, tells when and how each has ended, and ends them.

#include "daskify/os/child_process.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace daskify::internal {

/// Owns children and reaps exactly these, on a thread of its own that takes no signals; other children of the
/// program are left alone. When a child ends, what is left of its process group is killed.
///
/// Thread-safe, except for moving and destruction. A watcher that was moved from may only be destroyed or
/// assigned to. The destructor kills the children that are left, and waits for their ends and callbacks. In a
/// process forked from this one, the destructor and `end_all` do nothing.
class process_watcher {
public:
  /// Called once for each child that ended, from the watcher's thread and one at a time. May call the
  /// watcher, but not destroy it. Should not throw: exceptions are dropped.
  using end_callback = std::function<void(child_id, const exit_status&)>;

  /// Throws cluster_error(worker_failed) when the system refuses the thread.
  explicit process_watcher(end_callback on_end);
  process_watcher(process_watcher&&) noexcept;
  process_watcher& operator=(process_watcher&&) noexcept;
  ~process_watcher();

  /// Takes over a child, also one that has already ended. While `end_all` waits, a new child is ended with
  /// the rest.
  void watch(child process);

  /// Closes the lifeline, sends SIGTERM, and after `grace` kills the process group. Returns at once; the
  /// callback tells the end. An id that is not watched any more is no error.
  void end(child_id id, std::chrono::milliseconds grace);

  /// `end` for every child; returns when all have been reaped and their callbacks have returned. From the
  /// callback it does not wait.
  void end_all(std::chrono::milliseconds grace);

  /// Calls `what` from the watcher's thread when `delay` is over, unless the watcher is destroyed before. The same
  /// holds for it as for the callback.
  void call_after(std::chrono::milliseconds delay, std::function<void()> what);

  /// How many children have not been reaped, or are in their callback.
  std::size_t watched() const;

private:
  class reaper;
  struct release {
    void operator()(reaper* owned) const noexcept;
  };
  std::unique_ptr<reaper, release> reaper_;
};

} // namespace daskify::internal
