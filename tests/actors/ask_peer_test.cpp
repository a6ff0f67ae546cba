/// How long a thread waits for the answer of an actor of another process: no longer than the actor lives, or the answer
/// is wanted.

#include "daskify/transport/ask_peer.hpp"

#include "daskify/error.hpp"
#include "daskify/protocol/actors.hpp"
#include "daskify/transport/actor_system.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

namespace daskify::internal {
namespace {

using namespace std::chrono_literals;

struct ask_peer_test : testing::Test {
  /// Never answers.
  caf::actor spawn_silent() {
    return system.spawn([this](caf::event_based_actor* self) {
      return caf::behavior{[this, self](const list_workers&) {
        was_asked = true;
        return self->make_response_promise<worker_list>();
      }};
    });
  }

  error_code code_of_refusal(const caf::actor& peer, const connect_patience& patience) {
    try {
      ask_peer<worker_list>(system, peer, patience, "peer", list_workers{});
    } catch (const cluster_error& e) {
      return e.code();
    }
    return error_code::none;
  }

  std::atomic<bool> was_asked{false};
  system_config config;
  caf::actor_system system{config};
};

TEST_F(ask_peer_test, gives_the_answer) {
  auto peer = system.spawn([] {
    return caf::behavior{[](const list_workers&) { return worker_list{{worker_entry{}, worker_entry{}}}; }};
  });
  auto [list] = ask_peer<worker_list>(system, peer, {}, "peer", list_workers{});
  EXPECT_EQ(list.workers.size(), 2u);
  caf::anon_send_exit(peer, caf::exit_reason::user_shutdown);
}

TEST_F(ask_peer_test, throws_the_error_that_is_the_answer) {
  auto peer = system.spawn([] {
    return caf::behavior{[](const list_workers&) -> caf::result<worker_list> {
      return to_caf_error(cluster_error{error_code::shut_down, "over"});
    }};
  });
  EXPECT_EQ(code_of_refusal(peer, {}), error_code::shut_down);
  caf::anon_send_exit(peer, caf::exit_reason::user_shutdown);
}

TEST_F(ask_peer_test, ends_as_soon_as_the_peer_is_gone) {
  auto peer = spawn_silent();
  std::thread killer{[&] {
    while (!was_asked)
      std::this_thread::yield();
    caf::anon_send_exit(peer, caf::exit_reason::kill);
  }};
  EXPECT_EQ(code_of_refusal(peer, {1h}), error_code::scheduler_gone);
  EXPECT_EQ(code_of_refusal(peer, {1h}), error_code::scheduler_gone) << "which is known from the beginning";
  killer.join();
}

TEST_F(ask_peer_test, ends_when_the_answer_is_not_wanted_any_more) {
  auto peer = spawn_silent();
  EXPECT_EQ(code_of_refusal(peer, {1h, [this] { return !was_asked; }}), error_code::shut_down);
  caf::anon_send_exit(peer, caf::exit_reason::user_shutdown);
}

TEST_F(ask_peer_test, ends_when_its_patience_is_over) {
  auto peer = spawn_silent();
  EXPECT_EQ(code_of_refusal(peer, {10ms}), error_code::no_answer);
  caf::anon_send_exit(peer, caf::exit_reason::user_shutdown);
}

} // namespace
} // namespace daskify::internal
