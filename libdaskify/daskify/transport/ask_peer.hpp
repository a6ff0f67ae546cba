#pragma once

/// Sends one request to an actor of another process, from a thread that is no actor.

#include "daskify/transport/connect.hpp"
#include "daskify/transport/remote_error.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/error.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

namespace daskify::internal {

/// Waits until the result is there (returns true), or until `wanted`, which is called every second, returns false.
template <class Result>
bool wait_while_wanted(std::future<Result>& result, const std::function<bool()>& wanted) {
  while (result.wait_for(std::chrono::seconds{1}) != std::future_status::ready)
    if (!wanted())
      return false;
  return true;
}

/// Sends `message` to `peer` and returns its reply. `what` names the peer in errors.
///
/// Throws the error that the peer replied; cluster_error(scheduler_gone) as soon as the peer or the connection to it is
/// lost, because CAF 0.17 does not answer requests whose receiver is lost with its node; cluster_error(no_answer) after
/// patience.limit; cluster_error(shut_down) when the answer is no longer wanted.
template <class... Reply, class Peer, class... Message>
std::tuple<Reply...> ask_peer(caf::actor_system& system, const Peer& peer, const connect_patience& patience,
                              const std::string& what, Message... message) {
  auto promise = std::make_shared<std::promise<std::tuple<Reply...>>>();
  auto answer = promise->get_future();
  auto fail = [promise, what](const caf::error& why) { promise->set_exception(to_exception(why, what)); };
  auto asker = system.spawn([=, limit = patience.limit](caf::event_based_actor* self) mutable {
    self->monitor(peer);
    self->set_down_handler([=](caf::down_msg&) {
      fail(make_error(caf::sec::request_receiver_down));
      self->quit();
    });
    self->request(peer, limit, std::move(message)...)
        .then(
            [=](Reply&... reply) {
              promise->set_value({std::move(reply)...});
              self->quit();
            },
            [=](caf::error& why) {
              fail(why);
              self->quit();
            });
  });
  if (!wait_while_wanted(answer, patience.is_wanted)) {
    caf::anon_send_exit(asker, caf::exit_reason::kill);
    throw cluster_error{error_code::shut_down, "Asking the " + what + " was cancelled."};
  }
  return answer.get();
}

} // namespace daskify::internal
