#pragma once

/// Watches child processes, reports when and how each ends, and ends them.

#include "daskify/os/child_process.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace daskify::internal {

/// Owns children and reaps only these, on a thread of its own that blocks all signals; other children of the program
/// are not touched. When a child ends, the rest of its process group is killed.
///
/// Thread-safe, except for moving and destruction. A moved-from watcher may only be destroyed or assigned to. The
/// destructor kills the remaining children, and waits until they have ended and their callbacks have returned. In a
/// process forked from this one, the destructor and `end_all` do nothing.
class process_watcher {
public:
  /// Called once for each child that ended, from the watcher's thread and one at a time. May call the
  /// watcher, but not destroy it. Should not throw: exceptions are dropped.
  using end_callback = std::function<void(child_id, const exit_status&)>;

  /// Throws cluster_error when the system refuses a descriptor (worker_failed) or the thread (session_failed).
  explicit process_watcher(end_callback on_end);
  process_watcher(process_watcher&&) noexcept;
  process_watcher& operator=(process_watcher&&) noexcept;
  ~process_watcher();

  /// Takes over a child, which may already have ended. While `end_all` waits, a new child is ended with the others.
  void watch(child process);

  /// Closes the lifeline, sends SIGTERM, and kills the process group after `grace`. Returns at once; the callback
  /// reports the end. Ignores an id that is no longer watched.
  void end(child_id id, std::chrono::milliseconds grace);

  /// Calls `end` for every child; returns when all have been reaped and their callbacks have returned. Does not wait
  /// when called from the callback.
  void end_all(std::chrono::milliseconds grace);

  /// Calls `what` from the watcher's thread after `delay`, unless the watcher is destroyed first. The rules for the
  /// callback also hold for `what`.
  void call_after(std::chrono::milliseconds delay, std::function<void()> what);

  /// The number of children that have not been reaped or whose callback has not returned.
  std::size_t watched() const;

private:
  class reaper;
  struct release {
    void operator()(reaper* owned) const noexcept;
  };
  std::unique_ptr<reaper, release> reaper_;
};

} // namespace daskify::internal
