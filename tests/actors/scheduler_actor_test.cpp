/// The scheduler actor among scripted peers, on CAF's deterministic scheduler: no threads, no sockets, no waiting.

#include "daskify/protocol/result_block.hpp"
#include "daskify/scheduler/scheduler_actor.hpp"
#include "daskify/store/directory_actor.hpp"
#include "daskify/store/store_actor.hpp"
#include "daskify/transport/remote_error.hpp"

#include <caf/actor_system.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
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

/// Processes that nobody has started.
struct recording_deployment : deployment {
  std::vector<std::uint32_t> enrolled;
  std::vector<std::string> refused;
  std::vector<std::uint32_t> drained;
  std::vector<std::uint32_t> silent;

  void start() override {}
  void wait_until_ready() override {}
  void worker_enrolled(const enrol_request& who) override { enrolled.push_back(who.slot); }
  void worker_refused(const enrol_request&, const std::string& reason) override { refused.push_back(reason); }
  void worker_silent(std::uint32_t, std::int32_t) override {}
  void node_joined(std::uint32_t, const join_node&) override {}
  void node_ready(std::uint32_t) override {}
  void node_refused(const join_node&, const std::string&) override {}
  void node_silent(std::uint32_t slot, std::int32_t) override { silent.push_back(slot); }
  void node_leaving(std::uint32_t) override {}
  void node_drained(std::uint32_t slot) override { drained.push_back(slot); }
  void node_left(std::uint32_t) override {}
  worker_prospect prospect() override { return expected; }
  void stop_replacing() override {}
  void end_all() override {}

  worker_prospect expected; ///< workers
};

node_actor::behavior_type scripted_node(node_actor::pointer) {
  return {[](node_tick) {}, [](node_leaving) {}, [](stop_node) {}};
}

struct scheduler_shell : testing::Test {
  recording_deployment processes;
  deterministic config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& steps = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  directory_actor directory = system.spawn(directory_behavior);
  std::shared_ptr<node_store> node =
      std::make_shared<node_store>(store_setup{"the secret", 1 << 20, {}, "127.0.0.1", {}, {}});
  store_actor store = system.spawn(store_behavior, node);
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
    s.processes = &processes;
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

  /// A node that says nothing by itself; 7 is the slot of the workers'.
  node_actor join(std::uint32_t slot = 7) {
    auto speaker = system.spawn(scripted_node);
    auto asked = client->request(scheduler, caf::infinite,
                                 join_node{"the secret", "the build", "node-0", "", slot, 1, 1, 0, "", 0},
                                 caf::actor_cast<store_for_directory>(store), speaker);
    steps.run();
    asked.receive([](node_answer& a, directory_for_stores&) { EXPECT_EQ(a.refusal, error_code::none); },
                  [](caf::error& e) { ADD_FAILURE() << caf::to_string(e); });
    return speaker;
  }

  void tell(auto message) {
    client->send(scheduler, std::move(message));
    steps.run();
  }

  progress counts() {
    progress seen;
    auto asked = client->request(scheduler, caf::infinite, count_tasks{{{run_id{1}, 0, UINT64_MAX}}});
    steps.run();
    asked.receive([&](progress& p) { seen = p; }, [](caf::error& e) { ADD_FAILURE() << caf::to_string(e); });
    return seen;
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
  EXPECT_EQ(processes.enrolled, std::vector<std::uint32_t>{3});
}

TEST_F(scheduler_shell, turns_away_a_stranger_and_another_build) {
  auto stranger = request();
  stranger.secret = "a guess!!!";
  EXPECT_EQ(enrol(stranger).refusal, error_code::bad_secret);
  auto other = request();
  other.build_id = "another";
  EXPECT_EQ(enrol(other).refusal, error_code::other_build);
  EXPECT_THAT(processes.refused, testing::ElementsAre(testing::HasSubstr("another build")))
      << "a stranger says nothing about our own workers";
  EXPECT_TRUE(processes.enrolled.empty());
}

TEST_F(scheduler_shell, tells_a_worker_of_a_run_and_its_first_lease_in_one_message) {
  enrol(request());
  submit(10);
  ASSERT_EQ(log->orders.size(), 1u);
  EXPECT_EQ(log->orders[0].runs.size(), 1u);
  EXPECT_EQ(log->orders[0].leases.size(), 1u);
}

run_spec start_call_of_client(std::uint64_t n) {
  run_spec call;
  call.run = nth_start_call_of({}, n);
  call.tasks = 1;
  call.name = "f";
  return call;
}

TEST_F(scheduler_shell, has_a_worker_make_a_start_call_before_it_gets_tasks) {
  tell(add_start_call{start_call_of_client(1)});
  submit(1);
  enrol(request());
  ASSERT_EQ(log->orders.size(), 1u);
  ASSERT_EQ(log->orders[0].leases.size(), 1u);
  EXPECT_TRUE(is_of_start_call(log->orders[0].leases[0].id));
  EXPECT_EQ(log->orders[0].runs.at(0).spec.name, "f");
  report(caf::actor_cast<caf::actor>(worker), log->orders[0].leases[0]);
  ASSERT_EQ(log->orders.size(), 2u);
  EXPECT_EQ(log->orders[1].forgotten, std::vector{start_call_of_client(1).run});
  ASSERT_EQ(log->orders[1].leases.size(), 1u);
  EXPECT_EQ(log->orders[1].leases[0].run, run_id{1});
}

TEST_F(scheduler_shell, recalls_what_a_worker_has_not_begun_when_a_start_call_comes) {
  enrol(request());
  submit(10);
  tell(add_start_call{start_call_of_client(1)});
  ASSERT_EQ(log->orders.size(), 2u);
  EXPECT_TRUE(log->orders[1].recall);
  EXPECT_EQ(log->orders[1].leases.size(), 1u);
}

TEST_F(scheduler_shell, sends_the_cause_of_a_failed_start_call_to_the_worker_and_to_whoever_waits_for_workers) {
  tell(add_start_call{start_call_of_client(1)});
  auto asked = client->request(scheduler, caf::infinite, await_workers{1, 1'000'000});
  enrol(request());
  EXPECT_TRUE(client->mailbox().empty()) << "enrolled, and not ready";
  lease_report r;
  r.id = log->orders.at(0).leases.at(0).id;
  r.block.count = 1;
  r.block.failures.resize(1);
  r.block.failures[0].code = error_code::task_threw;
  r.block.failures[0].text = "no license";
  r.block.failures[0].worker = "worker-3";
  caf::send_as(caf::actor_cast<caf::actor>(worker), scheduler, work_report{{r}}); // the end of the lease follows
  r.block = {};
  r.closed = true;
  caf::send_as(caf::actor_cast<caf::actor>(worker), scheduler, work_report{{r}});
  steps.run();
  ASSERT_EQ(log->orders.size(), 2u);
  ASSERT_EQ(log->orders[1].refused.size(), 1u);
  EXPECT_EQ(log->orders[1].refused[0].client, worker_id{});
  EXPECT_EQ(log->orders[1].refused[0].why.text, "the call f of on_worker_start threw: no license [worker-3 on ]");
  std::string why;
  asked.receive([](awaited_workers&) { ADD_FAILURE() << "none is ready"; },
                [&](caf::error& e) { why = caf::to_string(e); });
  EXPECT_THAT(why, testing::HasSubstr("no license"));
}

TEST_F(scheduler_shell, takes_start_calls_from_clients_only) {
  enrol(request());
  caf::send_as(caf::actor_cast<caf::actor>(worker), scheduler, add_start_call{start_call_of_client(1)});
  steps.run();
  auto stolen = start_call_of_client(1);
  stolen.run = nth_start_call_of(worker_id{7}, 1);
  tell(add_start_call{stolen}); // the client in this process may use all ids: it is the owner of the cluster
  EXPECT_EQ(log->orders.size(), 1u);
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

/// What becomes of a question whether there are so many workers: the answer, or the sentence of an error; none yet.
struct asked_for_workers {
  std::optional<awaited_workers> answer;
  std::string refusal;
};

template <class Asked>
asked_for_workers outcome_of(Asked& asked) {
  asked_for_workers outcome;
  asked.receive([&](awaited_workers& a) { outcome.answer = a; },
                [&](caf::error& e) {
                  try {
                    std::rethrow_exception(to_exception(e, "scheduler"));
                  } catch (const cluster_error& refused) {
                    outcome.refusal = refused.what();
                  }
                });
  return outcome;
}

TEST_F(scheduler_shell, keeps_the_promise_of_workers_until_there_are_so_many) {
  enrol(request());
  auto asked = client->request(scheduler, caf::infinite, await_workers{2, 1'000'000});
  steps.run();
  EXPECT_TRUE(client->mailbox().empty());
  caf::scoped_actor other{system};
  auto second = system.spawn(scripted_worker, log);
  auto enrolled = other->request(scheduler, caf::infinite, request(), second, caf::strong_actor_ptr{});
  steps.run();
  enrolled.receive([](enrol_answer&, store_for_users&) {}, [](caf::error& e) { ADD_FAILURE() << caf::to_string(e); });
  auto outcome = outcome_of(asked);
  ASSERT_TRUE(outcome.answer) << outcome.refusal;
  EXPECT_TRUE(outcome.answer->satisfied);
  EXPECT_EQ(outcome.answer->workers, 2u);
  caf::anon_send_exit(second, caf::exit_reason::kill);
  steps.run();
}

TEST_F(scheduler_shell, says_how_many_workers_there_are_when_its_patience_is_over) {
  enrol(request());
  for (std::uint64_t patience : {0, 1}) {
    auto asked = client->request(scheduler, caf::infinite, await_workers{2, patience});
    steps.run();
    tick(std::chrono::milliseconds{2});
    auto outcome = outcome_of(asked);
    ASSERT_TRUE(outcome.answer) << outcome.refusal;
    EXPECT_FALSE(outcome.answer->satisfied);
    EXPECT_EQ(outcome.answer->workers, 1u);
  }
}

TEST_F(scheduler_shell, does_not_count_workers_that_are_about_to_leave) {
  auto speaker = join();
  enrol(request());
  tell(drain_node{7});
  auto asked = client->request(scheduler, caf::infinite, await_workers{1, 0});
  steps.run();
  auto outcome = outcome_of(asked);
  ASSERT_TRUE(outcome.answer) << outcome.refusal;
  EXPECT_EQ(outcome.answer->workers, 0u);
  caf::anon_send_exit(speaker, caf::exit_reason::kill);
}

TEST_F(scheduler_shell, refuses_to_wait_for_more_workers_than_there_can_be) {
  processes.expected.most = 2;
  auto asked = client->request(scheduler, caf::infinite, await_workers{3, 1'000'000});
  steps.run();
  EXPECT_EQ(outcome_of(asked).refusal, "There cannot be 3 workers: the cluster can have at most 2; wait for fewer, or "
                                       "start it with a larger size.");
  processes.expected.limit = "maximum";
  asked = client->request(scheduler, caf::infinite, await_workers{3, 1'000'000});
  steps.run();
  EXPECT_THAT(outcome_of(asked).refusal, testing::HasSubstr("a larger maximum."));
}

TEST_F(scheduler_shell, gives_up_the_wait_for_workers_that_cannot_come_any_more_and_says_why) {
  enrol(request());
  auto asked = client->request(scheduler, caf::infinite, await_workers{2, 1'000'000});
  steps.run();
  processes.expected = {1, "One could not be started."};
  tick(std::chrono::milliseconds{1});
  EXPECT_EQ(outcome_of(asked).refusal,
            "There cannot be 2 workers: the cluster can have at most 1. One could not be started.");

  auto last = client->request(scheduler, caf::infinite, await_workers{1, 1'000'000});
  steps.run();
  EXPECT_TRUE(outcome_of(last).answer) << "one is there";
  tell(worker_exited{3, 4711, "was killed by signal 9 (killed)", ""});
  auto vain = client->request(scheduler, caf::infinite, await_workers{1, 1'000'000});
  tell(workers_exhausted{"No luck."});
  EXPECT_EQ(outcome_of(vain).refusal, "No luck.");
}

TEST_F(scheduler_shell, gives_up_the_wait_for_workers_when_the_session_ends) {
  auto asked = client->request(scheduler, caf::infinite, await_workers{1, 1'000'000});
  tell(stop_session{});
  EXPECT_THAT(outcome_of(asked).refusal, testing::HasSubstr("was shut down"));
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

TEST_F(scheduler_shell, recalls_what_the_workers_of_a_draining_node_have_and_tells_when_it_is_drained) {
  auto speaker = join();
  enrol(request());
  submit(1);
  tell(drain_node{7});
  ASSERT_EQ(log->orders.size(), 2u);
  EXPECT_TRUE(log->orders[1].recall);
  EXPECT_TRUE(processes.drained.empty());
  report(caf::actor_cast<caf::actor>(worker), log->orders[0].leases.at(0));
  EXPECT_EQ(processes.drained, std::vector<std::uint32_t>{7});
  tell(drain_node{7});
  EXPECT_EQ(processes.drained.size(), 1u) << "told once";
  enrol(request());
  submit(1);
  for (const auto& order : log->orders)
    EXPECT_TRUE(order.leases.empty() || &order == &log->orders[0]) << "a late worker gets nothing";
  caf::anon_send_exit(speaker, caf::exit_reason::kill);
}

TEST_F(scheduler_shell, tells_at_once_that_a_node_without_work_is_drained) {
  auto speaker = join();
  enrol(request());
  tell(drain_node{7});
  EXPECT_EQ(processes.drained, std::vector<std::uint32_t>{7});
  caf::anon_send_exit(speaker, caf::exit_reason::kill);
}

TEST_F(scheduler_shell, hears_of_drains_and_lost_nodes_from_its_own_process_only) {
  auto speaker = join();
  enrol(request());
  submit(1);
  caf::anon_send(scheduler, drain_node{7});
  caf::anon_send(scheduler, node_lost{7, error_code::worker_node_lost, "failed"});
  steps.run();
  EXPECT_EQ(log->orders.size(), 1u);
  EXPECT_EQ(counts().running, 1u);
  caf::anon_send_exit(speaker, caf::exit_reason::kill);
}

TEST_F(scheduler_shell, gives_the_workers_of_a_node_nothing_when_its_time_is_over) {
  auto speaker = join();
  tell(node_time_left{7, 0});
  enrol(request());
  submit(1);
  EXPECT_TRUE(log->orders.empty());
  tell(node_time_left{7, 60'000});
  EXPECT_EQ(log->orders.size(), 1u);
  caf::anon_send_exit(speaker, caf::exit_reason::kill);
}

TEST_F(scheduler_shell, blames_no_task_of_a_lost_node_or_of_one_whose_time_is_over) {
  auto speaker = join();
  submit(1);
  for (int i = 0; i < 5; ++i) {
    enrol(request());
    EXPECT_EQ(counts().running, 1u);
    tell(node_lost{7, error_code::worker_node_lost, "failed"});
    EXPECT_EQ(counts().pending, 1u);
  }
  for (int i = 0; i < 2; ++i) { // the third time it would be said that the walltime is too short for the task
    tell(node_time_left{7, 60'000});
    enrol(request());
    EXPECT_EQ(counts().running, 1u);
    tell(node_time_left{7, 0});
    tell(worker_exited{3, 4711, "was killed by signal 15 (terminated)", ""});
    EXPECT_EQ(counts().pending, 1u);
  }
  caf::anon_send_exit(speaker, caf::exit_reason::kill);
}

TEST_F(scheduler_shell, gives_up_a_node_that_joins_and_then_says_nothing_and_says_so_once) {
  auto silent = join(1);
  auto alive = join(2);
  caf::send_as(caf::actor_cast<caf::actor>(alive), scheduler, node_alive{});
  steps.run();
  tick(std::chrono::milliseconds{2});
  tick(std::chrono::milliseconds{2});
  EXPECT_EQ(processes.silent, std::vector<std::uint32_t>{1});
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

// -- clients in other processes ------------------------------------------------------------------------------

link_actor::behavior_type scripted_link(link_actor::pointer) {
  return {[](node_tick) {}};
}

progress_actor::behavior_type scripted_progress(progress_actor::pointer, std::shared_ptr<std::vector<progress>> seen) {
  return {[seen](progress_event& event) { seen->push_back(event.counts); }, [](watch_tasks&) {}, [](unwatch_tasks&) {},
          [](progress_tick) {}, [](count_tasks&) { return progress{}; }};
}

/// The same scheduler for any program.
struct standing_scheduler_shell : scheduler_shell {
  struct client_process {
    explicit client_process(caf::actor_system& in) : speaker{in}, link{in.spawn(scripted_link)} {
      shown = in.spawn(scripted_progress, counts);
    }
    caf::scoped_actor speaker;
    link_actor link;
    std::shared_ptr<std::vector<progress>> counts = std::make_shared<std::vector<progress>>();
    progress_actor shown;
    worker_id id;
  };
  client_process one{system};
  client_process two{system};
  bool end_wanted = false;

  standing_scheduler_shell() {
    caf::anon_send_exit(scheduler, caf::exit_reason::kill);
    auto with = setup();
    with.build_id.clear();
    with.on_end_wanted = [this] { end_wanted = true; };
    scheduler = system.spawn(scheduler_behavior, with);
    steps.run();
  }
  ~standing_scheduler_shell() override {
    for (auto* process : {&one, &two}) {
      caf::anon_send_exit(process->link, caf::exit_reason::kill);
      caf::anon_send_exit(process->shown, caf::exit_reason::kill);
    }
    steps.run();
  }

  attach_answer attach(client_process& process, const std::string& secret = "the secret") {
    attach_answer answer;
    auto asked = process.speaker->request(scheduler, caf::infinite, attach_client{secret, "a program", "127.0.0.1", 1},
                                          caf::actor_cast<store_for_directory>(store), process.link,
                                          caf::actor_cast<caf::strong_actor_ptr>(process.speaker), process.shown);
    steps.run();
    asked.receive([&](attach_answer& a, directory_for_stores&) { answer = a; },
                  [](caf::error& e) { ADD_FAILURE() << caf::to_string(e); });
    process.id = answer.client;
    return answer;
  }

  run_id submit(client_process& process, std::uint64_t tasks) {
    run_spec spec;
    spec.run = nth_run_of(process.id, 1);
    spec.tasks = tasks;
    process.speaker->send(scheduler, submit_runs{{spec}});
    steps.run();
    return spec.run;
  }

  std::optional<progress> counts_for(client_process& process, run_id run) {
    std::optional<progress> seen;
    auto asked = process.speaker->request(scheduler, caf::infinite, count_tasks{{{run, 0, UINT64_MAX}}});
    steps.run();
    asked.receive([&](progress& p) { seen = p; }, [](caf::error&) {});
    return seen;
  }

  void leave(client_process& process) {
    caf::anon_send_exit(process.link, caf::exit_reason::kill);
    steps.run();
  }
};

TEST_F(standing_scheduler_shell, gives_clients_and_workers_ids_of_one_sequence) {
  attach(one);
  auto worker_of_any_build = request();
  worker_of_any_build.build_id = "another";
  auto enrolled = enrol(worker_of_any_build).worker;
  attach(two);
  EXPECT_EQ(one.id, worker_id{1});
  EXPECT_EQ(enrolled, worker_id{2});
  EXPECT_EQ(two.id, worker_id{3});
}

TEST_F(standing_scheduler_shell, turns_away_a_client_without_the_secret) {
  auto answer = attach(one, "a guess");
  EXPECT_FALSE(answer.client);
  EXPECT_EQ(answer.refusal, error_code::bad_secret);
}

TEST_F(standing_scheduler_shell, shows_each_client_its_own_runs_only) {
  attach(one);
  attach(two);
  enrol(request());
  auto run = submit(one, 10);
  ASSERT_TRUE(counts_for(one, run));
  EXPECT_EQ(counts_for(one, run)->total, 10u);
  EXPECT_FALSE(counts_for(two, run));
  two.speaker->send(scheduler, release_runs{{run}});
  two.speaker->send(scheduler, cancel_tasks{{{run, 0, 10}}});
  steps.run();
  EXPECT_EQ(counts_for(one, run)->cancelled, 0u);
}

TEST_F(standing_scheduler_shell, tells_progress_by_the_numbers_of_each_client) {
  attach(one);
  attach(two);
  auto run = submit(one, 10);
  auto other = submit(two, 20);
  caf::send_as(one.shown, scheduler, subscribe_progress{1, {{run, 0, 10}}}, one.shown);
  caf::send_as(two.shown, scheduler, subscribe_progress{1, {{other, 0, 20}}}, two.shown);
  caf::send_as(two.shown, scheduler, subscribe_progress{2, {{run, 0, 10}}}, two.shown); // not its own
  steps.run();
  ASSERT_EQ(one.counts->size(), 1u);
  EXPECT_EQ(one.counts->at(0).total, 10u);
  ASSERT_EQ(two.counts->size(), 1u);
  EXPECT_EQ(two.counts->at(0).total, 20u);
}

TEST_F(standing_scheduler_shell, forgets_what_a_client_had_when_it_is_gone_and_keeps_the_worker) {
  attach(one);
  attach(two);
  enrol(request());
  auto run = submit(one, 1);
  auto other = submit(two, 5);
  caf::send_as(one.shown, scheduler, subscribe_progress{1, {{run, 0, 1}}}, one.shown);
  leave(one);
  ASSERT_FALSE(log->orders.empty());
  auto told_to_cancel = [&](const work_order& order) {
    return !order.cancelled.empty() && order.cancelled[0].run == run;
  };
  EXPECT_TRUE(std::any_of(log->orders.begin(), log->orders.end(), told_to_cancel));
  EXPECT_FALSE(log->stopped);
  EXPECT_EQ(counts_for(one, run)->total, 0u) << "the run is gone";
  EXPECT_EQ(counts_for(two, other)->total, 5u);
}

TEST_F(standing_scheduler_shell, hears_that_a_client_is_alive_from_its_link_only) {
  attach(one);
  auto is_heard = [&](auto& from) {
    bool heard = false;
    auto asked = from->request(scheduler, caf::infinite, client_alive{});
    steps.run();
    asked.receive([&](cluster_alive&) { heard = true; }, [](caf::error&) {});
    return heard;
  };
  EXPECT_FALSE(is_heard(one.speaker));
  EXPECT_FALSE(is_heard(two.speaker));
}

TEST_F(standing_scheduler_shell, tells_clients_but_no_workers_how_all_of_it_is) {
  attach(one);
  attach(two);
  enrol(request());
  auto run = submit(one, 10);
  auto asked = two.speaker->request(scheduler, caf::infinite, ask_status{});
  steps.run();
  asked.receive(
      [&](cluster_status& all) {
        ASSERT_EQ(all.workers.size(), 1u);
        EXPECT_EQ(all.workers[0].name, "worker-3");
        ASSERT_EQ(all.clients.size(), 2u);
        EXPECT_EQ(all.clients[0].runs, 1u);
        EXPECT_EQ(all.clients[0].counts.total, 10u);
        ASSERT_EQ(all.clients[0].open.size(), 1u);
        EXPECT_EQ(all.clients[0].open[0].run, run);
        EXPECT_EQ(all.clients[1].runs, 0u);
      },
      [](caf::error& e) { ADD_FAILURE() << caf::to_string(e); });
}

TEST_F(standing_scheduler_shell, ends_and_tells_of_others_at_the_word_of_a_client_only) {
  attach(one);
  caf::scoped_actor task{system};
  auto enrolled =
      client->request(scheduler, caf::infinite, request(), worker, caf::actor_cast<caf::strong_actor_ptr>(task));
  steps.run();
  enrolled.receive([](enrol_answer& a, store_for_users&) { EXPECT_TRUE(a.worker); },
                   [](caf::error& e) { ADD_FAILURE() << caf::to_string(e); });
  auto is_answered = [&](auto& from, auto question, auto answer) {
    bool answered = false;
    auto asked = from->request(scheduler, caf::infinite, question);
    steps.run();
    asked.receive([&](decltype(answer)&) { answered = true; }, [](caf::error&) {});
    return answered;
  };
  EXPECT_FALSE(is_answered(task, ask_status{}, cluster_status{}));
  EXPECT_FALSE(is_answered(task, await_workers{}, awaited_workers{}));
  EXPECT_FALSE(is_answered(task, end_cluster{}, acknowledged{}));
  EXPECT_FALSE(is_answered(two.speaker, end_cluster{}, acknowledged{})) << "it has not attached";
  EXPECT_FALSE(end_wanted);
  EXPECT_TRUE(is_answered(one.speaker, ask_status{}, cluster_status{}));
  EXPECT_TRUE(is_answered(one.speaker, await_workers{}, awaited_workers{}));
  EXPECT_TRUE(is_answered(one.speaker, end_cluster{}, acknowledged{}));
  EXPECT_TRUE(end_wanted);
}

TEST_F(scheduler_shell, turns_away_clients_from_the_cluster_of_a_program) {
  auto link = system.spawn(scripted_link);
  auto shown = system.spawn(scripted_progress, std::make_shared<std::vector<progress>>());
  auto asked = client->request(scheduler, caf::infinite, attach_client{"the secret", "a program", "127.0.0.1", 1},
                               caf::actor_cast<store_for_directory>(store), link, caf::strong_actor_ptr{}, shown);
  steps.run();
  asked.receive([](attach_answer& a, directory_for_stores&) { EXPECT_EQ(a.refusal, error_code::mode_unavailable); },
                [](caf::error& e) { ADD_FAILURE() << caf::to_string(e); });
  caf::anon_send_exit(link, caf::exit_reason::kill);
  caf::anon_send_exit(shown, caf::exit_reason::kill);
  steps.run();
}

} // namespace
} // namespace daskify::internal
