#pragma once

#include "daskify/bridge/answer_slot.hpp"
#include "daskify/bridge/client_actor.hpp"
#include "daskify/error.hpp"
#include "daskify/session/cluster_session.hpp"
#include "daskify/transport/remote_error.hpp"

#include <caf/send.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unistd.h>
#include <utility>

namespace daskify::internal {

/// Lets threads that are no actors send messages and requests to actors, until the session ends. Actors never wait for
/// such threads.
///
/// Thread-safe. Once `close` has returned, nothing is sent any more, and no thread stays blocked for long.
class actor_bridge {
public:
  using patience = std::optional<std::chrono::milliseconds>;

  /// Nothing can be sent before `open`.
  void open(client_actor through);

  /// All waits, now or later, end with cluster_error(shut_down), or `why`.
  void close(std::exception_ptr why = nullptr);

  /// The same for a forked copy of the process, in which no thread waits and a lock may be held forever.
  void abandon() noexcept { open_ = false; }

  bool is_open() const noexcept { return open_ && ::getpid() == owner_; }

  /// The actor that sends on behalf of the calling threads. REQUIRES for changes: the bridge is closed.
  client_actor& speaker() noexcept { return through_; }

  /// Throws if the bridge is closed.
  template <class Actor, class Message>
  void tell(const Actor& to, Message message) {
    if (!tell_if_open(to, std::move(message)))
      throw_closed();
  }

  /// Returns false if the bridge is closed.
  template <class Actor, class Message>
  bool tell_if_open(const Actor& to, Message message) {
    if (!is_open()) // a forked copy has no actors, and the lock may be held forever
      return false;
    std::lock_guard guard{mutex_};
    if (open_)
      post([to, m = std::move(message)](client_actor::pointer self) mutable { self->send(to, std::move(m)); });
    return open_;
  }

  /// A pending request and the slot for its answer. The end of the session counts as an answer, too.
  template <class Reply>
  class question {
  public:
    question(actor_bridge& through, std::uint64_t id, std::shared_ptr<answer_slot<Reply>> slot)
        : through_{through},
          id_{id},
          slot_{std::move(slot)} {}
    question(question&& other) noexcept
        : through_{other.through_},
          id_{std::exchange(other.id_, 0)},
          slot_{std::move(other.slot_)} {}
    question& operator=(question&&) = delete;
    ~question() {
      if (id_ != 0)
        through_.forget(id_);
    }

    const std::shared_ptr<answer_slot<Reply>>& slot() const noexcept { return slot_; }

  private:
    actor_bridge& through_;
    std::uint64_t id_;
    std::shared_ptr<answer_slot<Reply>> slot_;
  };

  /// Sends a request; the answer fills the question's slot, at the latest when `timeout` is over. Without a timeout,
  /// `to` must be an actor of this process, which answers or ends with the session. `asked` names the actor in errors.
  template <class Reply, class Actor, class... Messages>
  question<Reply> ask(const Actor& to, patience timeout, const char* asked, Messages... message) {
    auto slot = std::make_shared<answer_slot<Reply>>();
    if (!is_open())
      throw_closed();
    // Registered and posted under the lock, so that `close` either finds the waiting thread or is noticed here.
    std::lock_guard guard{mutex_};
    auto id = enter([this, slot] { slot->fail(closed_error()); });
    post([slot, to, timeout, asked, ... m = std::move(message)](client_actor::pointer self) mutable {
      self->request(to, timeout ? caf::duration{*timeout} : caf::infinite, std::move(m)...)
          .then([slot](Reply& reply) { slot->fill(std::move(reply)); },
                [slot, asked](caf::error& why) { slot->fail(to_exception(why, asked)); });
    });
    return question<Reply>{*this, id, std::move(slot)};
  }

  /// Asks and waits.
  template <class Reply, class Actor, class... Messages>
  Reply ask_and_wait(const Actor& to, patience timeout, const char* asked, Messages... message) {
    auto q = ask<Reply>(to, timeout, asked, std::move(message)...);
    return *q.slot()->wait({});
  }

  /// For watching without an end: `stop` is called if the session ends before `forget` is called.
  std::uint64_t watch(std::function<void()> stop);
  void forget(std::uint64_t id);

  [[noreturn]] void throw_closed() const;

private:
  std::exception_ptr closed_error() const;

  std::uint64_t enter(std::function<void()> wake);
  void post(std::function<void(client_actor::pointer)> call);

  int owner_ = ::getpid();
  std::mutex mutex_;
  std::atomic<bool> open_{false}; ///< changed under the lock
  client_actor through_;
  std::exception_ptr why_; ///< why it is closed; null: the cluster was shut down; not changed once it is closed
  std::map<std::uint64_t, std::function<void()>> waiting_; ///< how to wake each waiting thread
  std::uint64_t last_ = 0;
};

} // namespace daskify::internal
