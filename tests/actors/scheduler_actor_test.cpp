/// The scheduler actor among scripted peers, on CAF's deterministic scheduler: no threads, no sockets, no waiting.

#include "daskify/program/code_address.hpp"
#include "daskify/protocol/result_block.hpp"
#include "daskify/scheduler/scheduler_actor.hpp"
#include "daskify/store/directory_actor.hpp"
#include "daskify/store/store_actor.hpp"

#include <caf/actor_system.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace daskify::internal {
namespace {

struct deterministic : caf::actor_system_config {
  deterministic() {
    add_message_types(*this);
    set("scheduler.policy", caf::atom("testing"));
  }
  void add_message_types(caf::actor_system_config& config) { internal::add_message_types(config); }
};

/// What a scripted worker was told.
struct told {
  std::vector<work_order> orders;
  bool stopped = false;
};

worker_actor::behavior_type scripted_worker(worker_actor::pointer, std::shared_ptr<told> log) {
  return {[](const objects_freed&) {}, [log](work_order& order) { log->orders.push_back(std::move(order)); },
          [](executor_has_news) {}, [](worker_tick) {}, [log](stop_worker) { log->stopped = true; }};
}

struct scheduler_shell : testing::Test {
  deterministic config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& steps = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  directory_actor directory = system.spawn(directory_behavior);
  std::shared_ptr<node_store> node =
      std::make_shared<node_store>(store_setup{"the secret", 1 << 20, {}, "127.0.0.1", {}});
  store_actor store = system.spawn(store_behavior, node);
  std::vector<std::uint32_t> enrolled;
  std::vector<error_code> refused;
  std::vector<std::uint32_t> silent_nodes;
  scheduler_actor scheduler = system.spawn(scheduler_behavior, setup());
  caf::scoped_actor client{system};
  std::shared_ptr<told> log = std::make_shared<told>();
  worker_actor worker = system.spawn(scripted_worker, log);

  scheduler_setup setup() {
    scheduler_setup s;
    s.secret = "the secret";
    s.build_id = "the build";
    s.heartbeat_interval = std::chrono::seconds{1};
    s.heartbeat_timeout = std::chrono::hours{1};
    s.start_timeout = std::chrono::milliseconds{1};
    s.retries = 2;
    s.store = store;
    s.directory = directory;
    s.on_enrolled = [this](const enrol_request& who) { enrolled.push_back(who.slot); };
    s.on_refused = [this](const enrol_request&, const enrol_answer& a) { refused.push_back(a.refusal); };
    s.on_silent = [](std::uint32_t, std::int32_t) {};
    s.on_node_silent = [this](std::uint32_t slot, std::int32_t) { silent_nodes.push_back(slot); };
    return s;
  }

  ~scheduler_shell() override {
    caf::anon_send_exit(worker, caf::exit_reason::kill);
    caf::anon_send_exit(scheduler, caf::exit_reason::kill);
    caf::anon_send_exit(store, caf::exit_reason::kill);
    caf::anon_send_exit(directory, caf::exit_reason::kill);
    steps.run();
  }

  static enrol_request request() { return {"the secret", "the build", "worker-3", "here", "node-0", 3, 4711, 1}; }

  enrol_answer enrol(enrol_request who) {
    enrol_answer answer;
    auto asked = client->request(scheduler, caf::infinite, std::move(who), worker, caf::strong_actor_ptr{});
    steps.run();
    asked.receive([&](enrol_answer& a, store_for_users&) { answer = a; },
                  [](caf::error& e) { ADD_FAILURE() << caf::to_string(e); });
    return answer;
  }

  /// A node joins that says nothing by itself.
  node_actor join(std::uint32_t slot) {
    auto actor = system.spawn([](node_actor::pointer) -> node_actor::behavior_type {
      return {[](node_tick) {}, [](stop_node) {}};
    });
    join_node who{"the secret", "the build", "node-" + std::to_string(slot), slot, 4712, "127.0.0.1", 1};
    client->send(scheduler, who, caf::actor_cast<store_for_directory>(store), actor);
    steps.run();
    return actor;
  }

  /// The scheduler looks at the time, when `passed` of it has gone by.
  void tick(std::chrono::milliseconds passed) {
    auto until = std::chrono::steady_clock::now() + passed;
    while (std::chrono::steady_clock::now() <= until) {
    }
    client->send(scheduler, scheduler_tick{});
    steps.run();
  }

  void submit(std::uint64_t tasks) {
    run_spec spec;
    spec.run = run_id{1};
    spec.tasks = tasks;
    client->send(scheduler, submit_runs{{spec}});
    steps.run();
  }

  void report(const caf::actor& from, const lease& l) {
    lease_report r;
    r.id = l.id;
    r.block.first = l.first;
    r.block.count = l.count;
    r.closed = true;
    caf::send_as(from, scheduler, work_report{{r}});
    steps.run();
  }
};

TEST_F(scheduler_shell, enrols_a_worker_that_knows_the_secret_and_has_the_build) {
  EXPECT_TRUE(enrol(request()).worker);
  EXPECT_EQ(enrolled, std::vector<std::uint32_t>{3});
}

TEST_F(scheduler_shell, turns_away_a_stranger_and_another_build) {
  auto stranger = request();
  stranger.secret = "a guess!!!";
  EXPECT_EQ(enrol(stranger).refusal, error_code::bad_secret);
  auto other = request();
  other.build_id = "another";
  EXPECT_EQ(enrol(other).refusal, error_code::other_build);
  EXPECT_EQ(refused, (std::vector{error_code::bad_secret, error_code::other_build}));
  EXPECT_TRUE(enrolled.empty());
}

TEST_F(scheduler_shell, tells_a_worker_of_a_run_and_its_first_lease_in_one_message) {
  enrol(request());
  submit(10);
  ASSERT_EQ(log->orders.size(), 1u);
  EXPECT_EQ(log->orders[0].runs.size(), 1u);
  EXPECT_EQ(log->orders[0].leases.size(), 1u);
}

TEST_F(scheduler_shell, keeps_the_promise_of_a_result_until_the_task_has_ended) {
  enrol(request());
  submit(1);
  auto asked = client->request(scheduler, caf::infinite, await_tasks{{{run_id{1}, 0, 1}}, 1, 1'000'000, true});
  steps.run();
  EXPECT_TRUE(client->mailbox().empty());
  report(caf::actor_cast<caf::actor>(worker), log->orders.at(0).leases.at(0));
  bool answered = false;
  asked.receive([&](awaited_tasks& a) { answered = a.satisfied && a.blocks.size() == 1; },
                [](caf::error& e) { ADD_FAILURE() << caf::to_string(e); });
  EXPECT_TRUE(answered);
}

TEST_F(scheduler_shell, ignores_reports_from_anybody_but_the_worker_itself) {
  enrol(request());
  submit(1);
  auto other_log = std::make_shared<told>();
  auto stranger = system.spawn(scripted_worker, other_log);
  report(caf::actor_cast<caf::actor>(stranger), log->orders.at(0).leases.at(0));
  auto asked = client->request(scheduler, caf::infinite, count_tasks{{{run_id{1}, 0, 1}}});
  steps.run();
  asked.receive([](progress& p) { EXPECT_EQ(p.running, 1u); },
                [](caf::error& e) { ADD_FAILURE() << caf::to_string(e); });
  caf::anon_send_exit(stranger, caf::exit_reason::kill);
  steps.run();
}

TEST_F(scheduler_shell, gives_the_work_of_a_process_that_ended_to_another_worker) {
  enrol(request());
  submit(1);
  client->send(scheduler, worker_exited{3, 4711, "was killed by signal 9 (killed)", ""});
  steps.run();
  EXPECT_EQ(log->orders.size(), 1u);
  enrol(request());
  EXPECT_EQ(log->orders.size(), 2u) << "the same scripted worker enrolled anew";
}

TEST_F(scheduler_shell, gives_up_a_node_that_joins_and_then_says_nothing_and_says_so_once) {
  auto silent = join(1);
  auto alive = join(2);
  caf::send_as(caf::actor_cast<caf::actor>(alive), scheduler, node_alive{});
  steps.run();
  tick(std::chrono::milliseconds{2});
  tick(std::chrono::milliseconds{2});
  EXPECT_EQ(silent_nodes, std::vector<std::uint32_t>{1});
  caf::anon_send_exit(silent, caf::exit_reason::kill);
  caf::anon_send_exit(alive, caf::exit_reason::kill);
  steps.run();
}

TEST_F(scheduler_shell, tells_all_workers_to_stop_at_the_end) {
  enrol(request());
  client->send(scheduler, stop_session{});
  steps.run();
  EXPECT_TRUE(log->stopped);
}

} // namespace
} // namespace daskify::internal
