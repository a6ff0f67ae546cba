#pragma once

/// The one crossing between user threads and actors.
///
/// A user's thread posts a call, which runs on the client actor and sends or requests in its name; the answer comes
/// back through an answer_slot, on which the thread waits. Actors never wait.

#include "daskify/defaults.hpp"
#include "daskify/protocol/actors.hpp"
#include "daskify/transport/remote_error.hpp"

#include <caf/send.hpp>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace daskify::internal {

struct user_call;
using client_actor = caf::typed_actor<
    /// Do this in the client's name.
    caf::reacts_to<user_call>>;

struct user_call {
  std::function<void(client_actor::pointer self)> perform;
};

client_actor::behavior_type client_behavior(client_actor::pointer self);

/// Where a user's thread waits for one answer. Thread-safe; filled once, a second filling is ignored.
template <class T>
class answer_slot {
public:
  void fill(T answer) {
    set([&] { answer_.emplace(std::move(answer)); });
  }
  void fail(caf::error why) {
    set([&] { failure_ = std::move(why); });
  }
  void abandon() {
    set([&] { abandoned_ = true; });
  }

  /// The answer, or nothing when `until` passes before. Throws the error that came instead, and
  /// cluster_error(shut_down) when the cluster ended.
  std::optional<T> wait(std::optional<std::chrono::steady_clock::time_point> until, const char* asked) {
    std::unique_lock lock{mutex_};
    auto over = [&] { return done_; };
    if (!until)
      filled_.wait(lock, over);
    else if (!filled_.wait_until(lock, *until, over))
      return {};
    if (abandoned_)
      throw cluster_error{error_code::shut_down, "The cluster was shut down while a call waited for it; gather before "
                                                 "shutdown_cluster."};
    if (failure_)
      throw_caf_error(failure_, asked);
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
  bool abandoned_ = false;
  std::optional<T> answer_;
  caf::error failure_;
};

} // namespace daskify::internal

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(daskify::internal::user_call)
