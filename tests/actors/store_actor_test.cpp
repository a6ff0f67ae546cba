/// Stores of several nodes with their directory, all in this process: the actors and transfers are real.

#include "daskify/bridge/store_link.hpp"
#include "daskify/store/directory_actor.hpp"
#include "daskify/store/store_actor.hpp"
#include "daskify/transport/actor_system.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <gtest/gtest.h>

#include <future>
#include <stdlib.h>

namespace daskify::internal {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t mib = 1 << 20;

struct stores : testing::Test {
  system_config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  directory_actor directory = system.spawn(directory_behavior);

  /// One node, with a user of its store.
  struct node {
    std::shared_ptr<node_store> its;
    store_actor store;
    client_actor speaker;
    std::shared_ptr<actor_bridge> through = std::make_shared<actor_bridge>();
    std::shared_ptr<store_link> link = std::make_shared<store_link>(through, store_link::distance::same_process);
  };
  std::vector<std::unique_ptr<node>> nodes;

  node& start(store_setup with = {}) {
    auto& made = *nodes.emplace_back(std::make_unique<node>());
    with.secret = "secret";
    if (with.limit == 0)
      with.limit = 64 * mib;
    made.its = std::make_shared<node_store>(std::move(with));
    made.store = system.spawn(store_behavior, made.its);
    made.speaker = system.spawn(client_behavior, client_events{[](const std::vector<object_id>&) {}, {}});
    made.through->open(made.speaker);
    return made;
  }
  void admit(node& which) {
    auto where = which.its->transfers_at();
    self->request(directory, caf::infinite, admit_node{"node", where.host, where.port},
                  caf::actor_cast<store_for_directory>(which.store))
        .receive([](node_admitted) {}, [&](caf::error& why) { FAIL() << system.render(why); });
  }
  void tell_of_directory(node& which) { self->send(which.store, caf::actor_cast<directory_for_stores>(directory)); }
  void join(node& which) {
    owner_id owner{client_owner.value + nodes.size()};
    which.link->join(caf::actor_cast<store_for_users>(which.store), {"secret", owner, 0}, which.speaker);
  }
  node& joined(store_setup with = {}) {
    auto& made = start(std::move(with));
    tell_of_directory(made);
    admit(made);
    join(made);
    return made;
  }
  std::shared_ptr<object_reference> put(node& where, std::size_t bytes) {
    return where.link->put({{}, existing_key::refuse, {1, "bytes"}}, std::vector<std::byte>(bytes));
  }

  void TearDown() override {
    for (auto& n : nodes) {
      n->through->close();
      n->its->stop();
      caf::anon_send_exit(n->store, caf::exit_reason::user_shutdown);
      caf::anon_send_exit(n->speaker, caf::exit_reason::user_shutdown);
    }
    caf::anon_send_exit(directory, caf::exit_reason::user_shutdown);
  }
};

TEST_F(stores, answer_the_directory_that_asks_before_they_know_it) {
  auto& first = joined();
  auto data = put(first, 2 * mib);
  auto& late = start();
  admit(late);
  auto spread = std::async(std::launch::async, [&] { first.link->spread(data->id()); });
  auto list = std::async(std::launch::async, [&] { return first.link->nodes(); });
  EXPECT_EQ(spread.wait_for(50ms), std::future_status::timeout);
  tell_of_directory(late);
  EXPECT_NO_THROW(spread.get());
  EXPECT_EQ(list.get().nodes.size(), 2U);
  join(late);
  EXPECT_EQ(late.link->map(data->id()).bytes.view().size(), 2 * mib);
}

/// The disk is busy for as long as the test wants.
struct busy_disk {
  std::promise<void> go_on;
  explicit busy_disk(node_store& of) {
    of.disk()->post([until = go_on.get_future().share()] { until.wait(); });
  }
  ~busy_disk() { go_on.set_value(); }
};

TEST_F(stores, grant_no_room_to_those_who_have_given_up) {
  char folder[] = "/tmp/daskify-test-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  store_setup with;
  with.spill_directory = folder;
  with.room_patience = 100ms;
  auto& one = joined(with);
  auto data = put(one, 40 * mib);
  {
    busy_disk slow{*one.its};
    try {
      one.link->reserve(50 * mib);
      FAIL();
    } catch (const data_error& e) {
      EXPECT_EQ(e.code(), error_code::no_room);
    }
  }
  auto room = one.link->reserve(50 * mib);
  EXPECT_EQ(one.link->nodes().nodes.at(0).figures.in_use, 50 * mib);
  room.reset();
  EXPECT_EQ(one.link->map(data->id()).bytes.view().size(), 40 * mib);
  ::rmdir(folder);
}

TEST_F(stores, ask_a_node_again_that_has_the_data_and_did_not_give_them) {
  auto& origin = joined();
  auto& other = joined();
  auto data = put(origin, 3 * mib);
  auto memory = origin.its->table().find(data->id()).value();
  origin.its->table().remove(data->id()); // all the same the directory says that it has them
  auto pulled = std::async(std::launch::async, [&] { return other.link->map(data->id()).bytes.view().size(); });
  EXPECT_EQ(pulled.wait_for(1200ms), std::future_status::timeout);
  origin.its->table().add(data->id(), memory);
  EXPECT_EQ(pulled.get(), 3 * mib);
}

TEST_F(stores, give_up_a_node_that_never_gives_what_it_has_and_do_not_call_the_data_lost) {
  auto& origin = joined();
  store_setup impatient;
  impatient.source_patience = 1500ms;
  auto& other = joined(impatient);
  auto data = put(origin, 3 * mib);
  origin.its->table().remove(data->id());
  try {
    other.link->map(data->id());
    FAIL();
  } catch (const data_error& e) {
    EXPECT_EQ(e.code(), error_code::store_failed);
    EXPECT_NE(std::string{e.what()}.find("is not lost"), std::string::npos) << e.what();
    EXPECT_NE(std::string{e.what()}.find("does not have it"), std::string::npos) << e.what();
  }
}

TEST_F(stores, stop_asking_a_node_that_has_left) {
  auto& origin = joined();
  auto& other = joined();
  auto data = put(origin, 3 * mib);
  origin.its->table().remove(data->id());
  auto pulled = std::async(std::launch::async, [&] { return other.link->map(data->id()).bytes.view().size(); });
  EXPECT_EQ(pulled.wait_for(300ms), std::future_status::timeout);
  caf::anon_send_exit(origin.store, caf::exit_reason::kill);
  try {
    pulled.get();
    FAIL();
  } catch (const data_error& e) {
    EXPECT_TRUE(e.code() == error_code::object_lost || e.code() == error_code::unknown_object) << e.what();
  }
}

} // namespace
} // namespace daskify::internal
