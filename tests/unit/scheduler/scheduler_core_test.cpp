#include "daskify/scheduler/scheduler_core.hpp"

#include "daskify/os/child_process.hpp"
#include "daskify/protocol/result_block.hpp"

#include "support/driven_scheduler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>

namespace daskify::internal {
namespace {

using namespace std::chrono_literals;
using test::driven_scheduler;

/// Records what the core wants done.
struct recorder : scheduler_effects {
  void describe(worker_id worker, const run_brief& run) override {
    described.insert({worker, run.spec.run});
    clients[run.spec.run] = run.client;
  }
  void grant(worker_id worker, const lease& granted) override {
    EXPECT_TRUE(described.contains({worker, granted.run})) << "granted before described";
    EXPECT_FALSE(recalled.contains(worker) || drained_workers.contains(worker)) << "granted although it is to leave";
    grants[worker].push_back(granted);
  }
  void cancel(worker_id worker, const run_range& tasks) override { cancelled.emplace_back(worker, tasks); }
  void recall(worker_id worker) override { EXPECT_TRUE(recalled.insert(worker).second) << "recalled twice"; }
  void drained(worker_id worker) override { EXPECT_TRUE(drained_workers.insert(worker).second) << "drained twice"; }
  void forget(worker_id worker, run_id run) override { described.erase({worker, run}); }
  void adopt_results(worker_id worker, const std::vector<object_id>& results) override {
    for (auto object : results)
      EXPECT_TRUE(claimed.insert({worker, object}).second);
  }
  void release_results(const std::vector<object_id>& results) override {
    for (auto object : results)
      EXPECT_EQ(std::erase_if(claimed, [&](const auto& c) { return c.second == object; }), 1u)
          << "not claimed, or twice";
  }
  void release_arguments_of(run_id run, const std::vector<object_id>& arguments) override {
    for (auto object : arguments)
      EXPECT_TRUE(returned.insert({run, object}).second) << "twice";
  }
  void satisfied(waiter_id waiter) override { answered.push_back(waiter); }
  void unattended_ended(run_id run) override { ended.push_back(run); }
  void changed(run_id) override {}

  std::set<std::pair<worker_id, run_id>> described;
  std::map<run_id, worker_id> clients;
  std::map<worker_id, std::deque<lease>> grants;
  std::vector<std::pair<worker_id, run_range>> cancelled;
  std::set<worker_id> recalled;
  std::set<worker_id> drained_workers;
  std::vector<waiter_id> answered;
  std::vector<run_id> ended; ///< unattended runs
  std::set<std::pair<worker_id, object_id>> claimed;
  std::set<std::pair<run_id, object_id>> returned; ///< arguments
};

struct scheduler : testing::Test {
  recorder seen;
  driven_scheduler core{seen, 2};

  static constexpr worker_id ann{1};
  static constexpr worker_id bob{2};
  static constexpr run_id sweep{1};

  void TearDown() override { core.check_invariants(); }

  static run_spec spec(run_id run, std::uint64_t tasks) {
    run_spec s;
    s.run = run;
    s.tasks = tasks;
    s.name = "f";
    return s;
  }

  /// Results that identify their tasks.
  static result_block results(std::uint64_t first, std::uint64_t count) {
    result_block b;
    b.first = first;
    b.count = count;
    b.value_size = sizeof(std::uint64_t);
    byte_buffer bytes;
    for (auto i = first; i < first + count; ++i)
      bytes.append(&i, sizeof i);
    b.values = shared_bytes{std::move(bytes)};
    return b;
  }

  lease next(worker_id worker) {
    auto l = seen.grants[worker].front();
    seen.grants[worker].pop_front();
    return l;
  }

  void finish(worker_id worker, const lease& l, std::uint64_t ns = 1000) {
    lease_report r;
    r.id = l.id;
    r.block = results(l.first, l.count);
    r.busy_ns = ns * l.count;
    r.closed = true;
    core.report(worker, std::move(r));
  }

  /// Reports that the worker returns all tasks of a lease.
  void return_all(worker_id worker, const lease& l) {
    lease_report r;
    r.id = l.id;
    r.block.first = l.first;
    r.returned = l.count;
    r.closed = true;
    core.report(worker, std::move(r));
  }

  static failure ended(error_code code) {
    failure f;
    f.code = code;
    f.text = "was killed";
    return f;
  }
  static failure died() { return ended(error_code::worker_died); }

  /// Makes the core expect this time for each task of every run.
  void teach(worker_id worker, std::chrono::nanoseconds each) {
    core.submit(spec(run_id{1'000'000}, 1));
    finish(worker, next(worker), static_cast<std::uint64_t>(each.count()));
  }

  progress counts(run_id run = sweep) const { return core.counts({{run, 0, UINT64_MAX}}); }

  void finish_everything(worker_id worker) {
    while (!seen.grants[worker].empty())
      finish(worker, next(worker));
  }
};

/// Results in the store of the worker's node; the object of task n has the number 100 + n.
result_block stored_results(std::uint64_t first, std::uint64_t count) {
  result_block b;
  b.first = first;
  b.count = count;
  b.layout = block_layout::variable;
  byte_buffer offsets{(count + 1) * sizeof(std::uint64_t)};
  std::memset(offsets.data(), 0, offsets.size());
  b.offsets = shared_bytes{std::move(offsets)};
  for (auto i = first; i < first + count; ++i)
    b.stored.push_back({i, object_id{100 + i}, 5'000'000});
  return b;
}

TEST_F(scheduler, gives_a_paused_worker_nothing_until_it_is_resumed) {
  core.worker_joined(ann, 1, for_ever, true);
  core.submit(spec(sweep, 10));
  EXPECT_TRUE(seen.grants[ann].empty());
  core.resume(ann);
  auto first = next(ann);
  core.pause(ann);
  EXPECT_TRUE(seen.recalled.contains(ann));
  seen.recalled.clear();
  finish(ann, first);
  EXPECT_TRUE(seen.grants[ann].empty());
  core.worker_joined(bob, 1);
  EXPECT_FALSE(seen.grants[bob].empty()) << "others go on";
  core.resume(ann);
  EXPECT_FALSE(seen.grants[ann].empty());
  core.resume(ann); // has no further effect
  core.pause(worker_id{77});
  core.resume(worker_id{77});
}

TEST_F(scheduler, gives_suspects_to_no_paused_worker) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 1));
  next(ann);
  core.worker_left(ann, died());
  core.worker_joined(bob, 1, for_ever, true);
  EXPECT_TRUE(seen.grants[bob].empty());
  core.resume(bob);
  EXPECT_EQ(seen.grants[bob].size(), 1u);
}

TEST_F(scheduler, gives_a_client_s_tasks_to_a_worker_that_would_fail_them_only_where_every_worker_would) {
  constexpr worker_id guest{5};
  core.client_joined(guest);
  core.worker_joined(ann, 1);
  core.worker_joined(bob, 1);
  core.refuse(ann, guest);
  core.submit(spec(nth_run_of(guest, 1), 10));
  EXPECT_TRUE(seen.grants[ann].empty());
  EXPECT_FALSE(seen.grants[bob].empty());
  core.submit(spec(sweep, 10)); // of another client
  EXPECT_FALSE(seen.grants[ann].empty());
  finish(ann, next(ann));
  core.pause(bob);
  core.refuse(bob, guest);
  bool gets_it = false;
  while (!seen.grants[ann].empty()) {
    auto granted = next(ann);
    gets_it = gets_it || submitter_of(granted.run) == guest;
    finish(ann, granted);
  }
  EXPECT_TRUE(gets_it) << "to fail there is better than to wait for ever";
}

TEST_F(scheduler, keeps_a_released_unattended_run_until_it_has_ended_and_tells_of_the_end_once) {
  auto left_alone = spec(sweep, 1);
  left_alone.unattended = true;
  core.submit(left_alone);
  core.release(sweep);
  EXPECT_TRUE(core.knows(sweep));
  core.worker_joined(ann, 1);
  finish(ann, next(ann));
  EXPECT_EQ(seen.ended, std::vector{sweep});
  EXPECT_FALSE(core.knows(sweep));
}

TEST_F(scheduler, tells_of_an_unattended_run_that_is_cancelled_and_forgets_one_whose_client_has_left) {
  auto left_alone = spec(sweep, 1);
  left_alone.unattended = true;
  core.submit(left_alone);
  core.cancel({sweep, 0, 1});
  EXPECT_EQ(seen.ended, std::vector{sweep});
  constexpr worker_id guest{5};
  core.client_joined(guest);
  auto theirs = spec(nth_run_of(guest, 1), 1);
  theirs.unattended = true;
  core.submit(theirs);
  core.release(theirs.run);
  EXPECT_TRUE(core.knows(theirs.run));
  core.client_left(guest);
  EXPECT_FALSE(core.knows(theirs.run));
  EXPECT_EQ(seen.ended.size(), 1u);
}

TEST_F(scheduler, names_the_client_of_a_run_that_a_task_of_a_task_has_submitted) {
  constexpr worker_id guest{5};
  core.client_joined(guest);
  auto outer = spec(nth_run_of(guest, 1), 1);
  core.submit(outer);
  core.worker_joined(ann, 3);
  auto inner = spec(nth_run_of(ann, 1), 1);
  inner.parent = outer.run;
  core.submit(inner);
  auto innermost = spec(nth_run_of(ann, 2), 1);
  innermost.parent = inner.run;
  core.submit(innermost);
  EXPECT_EQ(seen.clients.at(innermost.run), guest);
  core.submit(spec(sweep, 1));
  core.worker_joined(bob, 1);
  EXPECT_EQ(seen.clients.at(sweep), worker_id{}) << "the client in this process";
}

TEST_F(scheduler, claims_results_in_the_store_and_lets_go_of_them_with_their_run) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 1));
  lease_report r;
  r.id = next(ann).id;
  r.block = stored_results(0, 1);
  r.closed = true;
  core.report(ann, r);
  EXPECT_EQ(seen.claimed, (std::set<std::pair<worker_id, object_id>>{{ann, object_id{100}}}));
  auto blocks = core.results({{sweep, 0, 1}});
  ASSERT_EQ(blocks.size(), 1u);
  ASSERT_NE(stored_value_of(blocks[0], 0), nullptr);
  EXPECT_EQ(stored_value_of(blocks[0], 0)->object, object_id{100});
  core.release(sweep);
  EXPECT_TRUE(seen.claimed.empty());
}

TEST_F(scheduler, lets_go_of_what_a_run_uses_when_it_is_over_and_not_before) {
  core.worker_joined(ann, 1);
  auto uses = spec(sweep, 1);
  uses.objects = {object_id{7}};
  core.submit(uses);
  auto needs = spec(run_id{2}, 1);
  needs.inputs = {{sweep, 0, 1}};
  core.submit(needs);
  core.release(sweep);
  EXPECT_TRUE(seen.returned.empty()) << "the other run needs its result";
  finish(ann, next(ann));
  EXPECT_EQ(seen.returned, (std::set{std::pair{sweep, object_id{7}}}));
}

TEST_F(scheduler, lets_go_of_stored_results_that_nobody_wants_any_more) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 1));
  auto granted = next(ann);
  core.cancel({sweep, 0, 1});
  lease_report r;
  r.id = granted.id;
  r.block = stored_results(0, 1);
  r.closed = true;
  core.report(ann, r);
  EXPECT_TRUE(seen.claimed.empty()) << "its task was cancelled";
  core.report(ann, r);
  EXPECT_TRUE(seen.claimed.empty()) << "the lease is closed";
}

TEST_F(scheduler, gives_one_task_as_long_as_nothing_is_known_and_more_afterwards) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 1000));
  auto first = next(ann);
  EXPECT_EQ(first.count, 1u);
  EXPECT_TRUE(seen.grants[ann].empty());
  finish(ann, first);
  EXPECT_GT(next(ann).count, 1u);
}

TEST_F(scheduler, keeps_every_result_under_its_index) {
  core.worker_joined(ann, 1);
  core.worker_joined(bob, 2);
  core.submit(spec(sweep, 5000));
  while (!counts().ended()) {
    finish_everything(ann);
    finish_everything(bob);
    core.check_invariants();
  }
  EXPECT_EQ(counts().finished, 5000u);
  std::uint64_t expected = 0;
  for (const auto& block : core.results({{sweep, 0, 5000}}))
    for (auto i = block.first; i < block.first + block.count; ++i, ++expected) {
      std::uint64_t value = 0;
      std::memcpy(&value, value_of(block, i).data(), sizeof value);
      ASSERT_EQ(i, expected);
      ASSERT_EQ(value, expected);
    }
  EXPECT_EQ(expected, 5000u);
}

TEST_F(scheduler, gives_results_of_a_part_of_a_run_only) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 100));
  while (!counts().ended())
    finish_everything(ann);
  std::uint64_t tasks = 0;
  for (const auto& block : core.results({{sweep, 40, 7}})) {
    EXPECT_GE(block.first, 40u);
    tasks += block.count;
  }
  EXPECT_EQ(tasks, 7u);
  EXPECT_EQ(core.counts({{sweep, 90, 50}}).total, 10u);
}

TEST_F(scheduler, answers_a_wait_when_enough_tasks_have_ended_and_only_once) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 3));
  core.wait(waiter_id{7}, {{sweep, 0, 3}}, 2);
  finish(ann, next(ann));
  EXPECT_TRUE(seen.answered.empty());
  while (!counts().ended())
    finish_everything(ann);
  EXPECT_EQ(seen.answered, std::vector{waiter_id{7}});
}

TEST_F(scheduler, answers_a_wait_for_an_unknown_run_at_once) {
  core.wait(waiter_id{1}, {{run_id{99}, 0, 5}}, 5);
  EXPECT_EQ(seen.answered.size(), 1u);
}

TEST_F(scheduler, runs_a_task_again_whose_worker_died_and_loses_it_after_the_retries) {
  core.submit(spec(sweep, 1));
  for (std::uint64_t i = 1; i <= 3; ++i) {
    core.worker_joined(worker_id{i}, 1);
    ASSERT_EQ(seen.grants[worker_id{i}].size(), 1u);
    core.worker_left(worker_id{i}, died());
    core.check_invariants();
  }
  EXPECT_EQ(counts().lost, 1u);
  auto block = core.results({{sweep, 0, 1}}).at(0);
  EXPECT_EQ(failure_of(block, 0)->code, error_code::worker_died);
}

TEST_F(scheduler, finds_the_one_task_that_kills_and_finishes_all_others) {
  constexpr std::uint64_t tasks = 3000;
  constexpr std::uint64_t killer = 1234;
  core.submit(spec(sweep, tasks));
  std::uint64_t worker = 0;
  std::size_t deaths = 0;
  while (!counts().ended()) {
    worker_id w{++worker};
    core.worker_joined(w, 1);
    while (!seen.grants[w].empty()) {
      auto l = next(w);
      if (killer >= l.first && killer < l.first + l.count) {
        core.worker_left(w, died());
        ++deaths;
        break;
      }
      finish(w, l);
    }
    core.check_invariants();
    ASSERT_LT(deaths, 20u);
  }
  EXPECT_EQ(counts().finished, tasks - 1);
  EXPECT_EQ(counts().lost, 1u);
  EXPECT_EQ(failure_of(core.results({{sweep, killer, 1}}).at(0), killer)->code, error_code::worker_died);
}

/// Workers with one thread that join one after the other, and die in the tasks that kill.
struct deadly_sweep {
  recorder seen;
  driven_scheduler core;
  std::set<std::uint64_t> killers;
  std::uint64_t workers = 0;
  std::uint64_t deaths = 0;

  explicit deadly_sweep(std::optional<std::size_t> max_lost) : core{seen, 2, max_lost} {}

  progress counts() const { return core.counts({{scheduler::sweep, 0, UINT64_MAX}}); }

  failure failure_of_task(std::uint64_t task) const {
    return *failure_of(core.results({{scheduler::sweep, task, 1}}).at(0), task);
  }

  /// Runs until all tasks have ended, with `size` workers at a time.
  void run(std::uint64_t tasks, std::size_t size) {
    core.submit(scheduler::spec(scheduler::sweep, tasks));
    std::vector<worker_id> alive;
    while (!counts().ended()) {
      while (alive.size() < size) {
        alive.push_back(worker_id{++workers});
        core.worker_joined(alive.back(), 1);
      }
      auto before = alive;
      for (auto w : before)
        if (!step(w)) {
          std::erase(alive, w);
          ++deaths;
        }
      core.check_invariants();
      ASSERT_LT(deaths, 10 * tasks) << "without end";
    }
  }

  /// Runs one lease, or its tasks before the first killer; returns false when the worker died.
  bool step(worker_id worker) {
    auto& leases = seen.grants[worker];
    if (leases.empty())
      return true;
    auto l = leases.front();
    leases.pop_front();
    auto killer = killers.lower_bound(l.first);
    bool dies = killer != killers.end() && *killer < l.first + l.count;
    lease_report r;
    r.id = l.id;
    r.block = scheduler::results(l.first, dies ? *killer - l.first : l.count);
    r.busy_ns = 1000 * r.block.count;
    r.closed = !dies;
    if (r.closed || r.block.count != 0)
      core.report(worker, std::move(r));
    if (dies)
      core.worker_left(worker, scheduler::died());
    return !dies;
  }
};

TEST(deadly_sweep, loses_no_innocent_whatever_number_of_tasks_kills_in_a_row) {
  for (std::uint64_t first : {0, 20})
    for (std::uint64_t in_a_row : {1, 8, 12, 40}) {
      deadly_sweep all{{}};
      for (std::uint64_t i = 0; i < in_a_row; ++i)
        all.killers.insert(first + i);
      all.run(60, 2);
      EXPECT_EQ(all.counts().lost, in_a_row);
      EXPECT_EQ(all.counts().finished, 60 - in_a_row);
      for (auto killer : all.killers)
        EXPECT_EQ(all.failure_of_task(killer).code, error_code::worker_died);
    }
}

TEST(deadly_sweep, ends_when_every_task_kills_after_as_many_deaths_as_the_retries_allow) {
  deadly_sweep all{{}};
  for (std::uint64_t i = 0; i < 1000; ++i)
    all.killers.insert(i);
  all.run(1000, 4);
  EXPECT_EQ(all.counts().lost, 1000u);
  EXPECT_EQ(all.deaths, 3000u);
}

TEST(deadly_sweep, is_given_up_after_max_lost_tasks) {
  deadly_sweep all{3};
  for (std::uint64_t i = 0; i < 8; ++i)
    all.killers.insert(i);
  all.run(60, 1);
  EXPECT_EQ(all.counts().lost, 60u);
  EXPECT_EQ(all.deaths, 9u);
  for (std::uint64_t i = 0; i < 3; ++i)
    EXPECT_EQ(all.failure_of_task(i).code, error_code::worker_died);
  for (std::uint64_t i = 3; i < 60; ++i) {
    auto why = all.failure_of_task(i);
    EXPECT_EQ(why.code, error_code::run_given_up);
    EXPECT_EQ(why.text, "3 tasks of it were lost, and the option max_lost allows no more; the last one was task 2, "
                        "whose worker was killed");
  }
}

TEST(deadly_sweep, counts_lost_tasks_that_are_not_in_a_row) {
  deadly_sweep all{2};
  all.killers = {0, 30, 59};
  all.run(60, 1);
  EXPECT_EQ(all.failure_of_task(0).code, error_code::worker_died);
  EXPECT_EQ(all.failure_of_task(30).code, error_code::worker_died);
  EXPECT_GE(all.counts().finished, 29u);
  EXPECT_EQ(all.counts().ended(), true);
}

TEST(deadly_sweep, goes_on_when_fewer_than_max_lost_are_lost) {
  deadly_sweep all{4};
  all.killers = {0, 1, 2};
  all.run(60, 3);
  EXPECT_EQ(all.counts().lost, 3u);
  EXPECT_EQ(all.counts().finished, 57u);
}

TEST(deadly_sweep, ends_every_task_with_its_own_cause_whatever_happens) {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    std::mt19937 random{seed};
    auto tasks = 1 + random() % 300;
    auto limit = seed % 2 ? std::optional<std::size_t>{1 + random() % 6} : std::nullopt;
    deadly_sweep all{limit};
    for (auto i = random() % 20; i != 0; --i)
      all.killers.insert(random() % tasks);
    all.run(tasks, 1 + random() % 4);
    std::uint64_t died = 0;
    std::uint64_t given_up = 0;
    for (std::uint64_t i = 0; i < tasks; ++i) {
      auto block = all.core.results({{scheduler::sweep, i, 1}}).at(0);
      if (const auto* why = failure_of(block, i)) {
        (why->code == error_code::run_given_up ? given_up : died) += 1;
        EXPECT_TRUE(why->code == error_code::run_given_up || all.killers.contains(i)) << "seed " << seed;
      }
    }
    EXPECT_EQ(all.counts().lost, died + given_up) << "seed " << seed;
    if (!limit || all.killers.size() < *limit) {
      EXPECT_EQ(died, all.killers.size()) << "seed " << seed;
      EXPECT_EQ(given_up, 0u) << "seed " << seed;
    } else {
      EXPECT_GE(died, *limit) << "seed " << seed;
    }
  }
}

TEST_F(scheduler, lets_a_run_that_is_given_up_keep_what_is_under_way_and_leaves_other_runs_alone) {
  driven_scheduler strict{seen, 0, 1};
  constexpr run_id other{2};
  strict.worker_joined(ann, 1);
  strict.worker_joined(bob, 1);
  strict.submit(spec(sweep, 10));
  strict.submit(spec(other, 10));
  // Task 0 is with ann, task 1 with bob or the other way round.
  auto of_ann = next(ann);
  auto of_bob = next(bob);
  ASSERT_EQ(of_ann.run, sweep);
  strict.worker_left(ann, died());
  EXPECT_EQ(strict.counts({{sweep, 0, UINT64_MAX}}).lost, of_bob.run == sweep ? 9u : 10u);
  EXPECT_EQ(strict.counts({{other, 0, UINT64_MAX}}).lost, 0u);
  if (of_bob.run == sweep) {
    lease_report r;
    r.id = of_bob.id;
    r.block = results(of_bob.first, 1);
    r.busy_ns = 1000;
    r.closed = true;
    strict.report(bob, std::move(r));
    EXPECT_EQ(strict.counts({{sweep, 0, UINT64_MAX}}).finished, 1u);
  }
  strict.check_invariants();
}

TEST_F(scheduler, gives_up_what_a_dead_worker_had_of_a_run_that_was_given_up) {
  driven_scheduler strict{seen, 1, 1};
  strict.submit(spec(sweep, 10));
  strict.worker_joined(ann, 1);
  strict.worker_joined(bob, 1);
  ASSERT_EQ(next(ann).first, 0u);
  ASSERT_EQ(next(bob).first, 1u);
  strict.worker_left(ann, died());
  worker_id cid{3};
  strict.worker_joined(cid, 1);
  ASSERT_EQ(next(cid).first, 0u) << "it is tried again, alone";
  strict.worker_left(cid, died());
  EXPECT_EQ(strict.counts({{sweep, 0, UINT64_MAX}}).lost, 9u) << "all but what bob has";
  strict.worker_left(bob, died());
  EXPECT_EQ(strict.counts({{sweep, 0, UINT64_MAX}}).lost, 10u) << "that is not tried again";
  EXPECT_EQ(failure_of(strict.results({{sweep, 1, 1}}).at(0), 1)->code, error_code::run_given_up);
  strict.check_invariants();
}

TEST_F(scheduler, loses_what_waits_when_no_worker_will_come_and_later_runs_at_once) {
  core.submit(spec(sweep, 10));
  failure none;
  none.code = error_code::no_workers;
  core.workers_exhausted(none);
  EXPECT_EQ(counts().lost, 10u);
  core.submit(spec(run_id{2}, 5));
  EXPECT_EQ(counts(run_id{2}).lost, 5u);
}

TEST_F(scheduler, cancels_pending_tasks_at_once_and_ignores_late_results_of_running_ones) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 50));
  auto running = next(ann);
  core.cancel({sweep, 0, 50});
  EXPECT_EQ(counts().cancelled, 50u);
  ASSERT_EQ(seen.cancelled.size(), 1u);
  finish(ann, running);
  EXPECT_EQ(counts().cancelled, 50u);
  EXPECT_EQ(counts().finished, 0u);
}

TEST_F(scheduler, takes_back_what_a_worker_returns_and_gives_it_to_another) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 1000));
  finish(ann, next(ann));
  auto l = next(ann);
  ASSERT_GT(l.count, 2u);
  core.worker_joined(bob, 1);
  lease_report r;
  r.id = l.id;
  r.block = results(l.first, 1);
  r.busy_ns = 10;
  r.returned = l.count - 2;
  core.report(ann, std::move(r));
  core.check_invariants();
  EXPECT_FALSE(seen.grants[bob].empty());
}

TEST_F(scheduler, fails_the_tasks_of_a_report_that_does_not_fit) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 1));
  auto l = next(ann);
  lease_report r;
  r.id = l.id;
  r.block = results(l.first, l.count);
  r.block.count = 1000;
  core.report(ann, std::move(r));
  EXPECT_EQ(counts().error, 1u);
}

TEST_F(scheduler, begins_a_run_when_its_inputs_have_ended) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 1));
  auto second = spec(run_id{2}, 1);
  second.inputs = {{sweep, 0, 1}};
  core.submit(second);
  auto l = next(ann);
  EXPECT_EQ(l.run, sweep);
  EXPECT_TRUE(seen.grants[ann].empty());
  finish(ann, l);
  EXPECT_EQ(next(ann).run, run_id{2});
}

TEST_F(scheduler, fails_a_run_whose_input_failed) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 1));
  auto second = spec(run_id{2}, 3);
  second.inputs = {{sweep, 0, 1}};
  core.submit(second);
  core.cancel({sweep, 0, 1});
  EXPECT_EQ(counts(run_id{2}).error, 3u);
  EXPECT_EQ(failure_of(core.results({{run_id{2}, 0, 1}}).at(0), 0)->code, error_code::dependency_failed);
}

TEST_F(scheduler, keeps_a_released_run_as_long_as_another_needs_it) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 1));
  auto second = spec(run_id{2}, 1);
  second.inputs = {{sweep, 0, 1}};
  core.submit(second);
  core.release(sweep);
  EXPECT_TRUE(core.knows(sweep));
  finish(ann, next(ann));
  EXPECT_TRUE(core.knows(sweep)) << "a worker may die, and the second run begin anew";
  finish(ann, next(ann));
  EXPECT_EQ(counts(run_id{2}).finished, 1u);
  EXPECT_FALSE(core.knows(sweep));
}

TEST_F(scheduler, frees_a_chain_of_a_hundred_thousand_runs_without_recursion) {
  constexpr std::uint64_t length = 100'000;
  for (std::uint64_t i = 1; i <= length; ++i) {
    auto link = spec(run_id{i}, 1);
    if (i > 1)
      link.inputs = {{run_id{i - 1}, 0, 1}};
    core.submit(link);
    if (i > 1)
      core.release(run_id{i - 1});
  }
  core.cancel({sweep, 0, 1});
  EXPECT_EQ(counts(run_id{length}).error, 1u) << "all depend on the first";
  EXPECT_FALSE(core.knows(sweep));
  EXPECT_FALSE(core.knows(run_id{length - 1}));
}

TEST_F(scheduler, gives_a_worker_whose_task_waits_something_else_to_do) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 1));
  auto outer = next(ann);
  core.submit(spec(nth_run_of(ann, 1), 1));
  EXPECT_TRUE(seen.grants[ann].empty());
  core.worker_waits(ann, 1);
  auto inner = next(ann);
  EXPECT_EQ(inner.run, nth_run_of(ann, 1));
  EXPECT_EQ(counts().running, 1u) << "a task that waits is running";
  finish(ann, inner);
  core.worker_waits(ann, 0);
  finish(ann, outer);
}

TEST_F(scheduler, serves_what_a_task_waits_for_before_all_else_and_the_youngest_first) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 100));
  auto outer = next(ann);
  core.submit(spec(nth_run_of(ann, 1), 1));
  core.submit(spec(nth_run_of(ann, 2), 1));
  core.worker_waits(ann, 1);
  auto first = next(ann);
  EXPECT_EQ(first.run, nth_run_of(ann, 2));
  finish(ann, first);
  EXPECT_EQ(next(ann).run, nth_run_of(ann, 1));
  finish(ann, outer);
}

TEST_F(scheduler, forgets_the_runs_of_tasks_whose_worker_died) {
  core.worker_joined(ann, 1);
  core.worker_joined(bob, 1);
  core.submit(spec(sweep, 1));
  next(ann);
  auto of_ann = spec(nth_run_of(ann, 1), 10);
  of_ann.objects = {object_id{7}};
  core.submit(of_ann);
  core.worker_left(ann, died());
  EXPECT_FALSE(core.knows(of_ann.run));
  EXPECT_TRUE(seen.returned.contains({of_ann.run, object_id{7}})) << "before anybody is told that ann has left";
  ASSERT_EQ(seen.cancelled.size(), 1u) << "bob had begun one of them";
  EXPECT_EQ(seen.cancelled[0].first, bob);
}

TEST_F(scheduler, serves_clients_in_other_processes_in_turn) {
  constexpr worker_id one{10};
  constexpr worker_id two{11};
  core.client_joined(one);
  core.client_joined(two);
  core.worker_joined(ann, 1);
  core.submit(spec(nth_run_of(one, 1), 3));
  core.submit(spec(nth_run_of(two, 1), 3));
  std::vector<worker_id> order;
  for (int i = 0; i < 4; ++i) {
    auto l = next(ann);
    order.push_back(submitter_of(l.run));
    finish(ann, l, 1'000'000'000);
  }
  EXPECT_EQ(order, (std::vector{one, one, two, one})) << "in turn, behind the one that began alone";
}

TEST_F(scheduler, forgets_the_runs_of_a_client_that_left_and_what_their_tasks_had_submitted) {
  constexpr worker_id client{10};
  core.client_joined(client);
  core.worker_joined(ann, 1);
  core.worker_joined(bob, 1);
  auto run = nth_run_of(client, 1);
  core.submit(spec(run, 1));
  auto outer = next(ann);
  auto inner = spec(nth_run_of(ann, 1), 10);
  inner.parent = run;
  core.submit(inner);
  core.submit(spec(sweep, 5));
  auto dependent = spec(nth_run_of(client, 2), 1);
  dependent.inputs = {{run, 0, 1}};
  core.submit(dependent);
  core.client_left(worker_id{12}); // an unknown client
  core.client_left(client);
  EXPECT_FALSE(core.knows(run));
  EXPECT_FALSE(core.knows(nth_run_of(client, 2)));
  EXPECT_EQ(counts(nth_run_of(ann, 1)).cancelled, 10u);
  EXPECT_EQ(core.workers(), 2u);
  finish(ann, outer);
  finish_everything(bob);
  finish_everything(ann);
  EXPECT_GT(counts().finished, 0u) << "others go on";
}

TEST_F(scheduler, cancels_what_a_cancelled_task_had_submitted_and_what_that_had) {
  core.worker_joined(ann, 1);
  core.worker_joined(bob, 1);
  core.submit(spec(sweep, 2));
  auto child = spec(nth_run_of(ann, 1), 1);
  child.parent = sweep;
  child.parent_task = 1;
  core.submit(child);
  auto grandchild = spec(nth_run_of(bob, 1), 5);
  grandchild.parent = child.run;
  core.submit(grandchild);
  core.cancel({sweep, 0, 1});
  EXPECT_EQ(counts(child.run).cancelled, 0u) << "it belongs to the other task";
  core.cancel({sweep, 1, 1});
  EXPECT_EQ(counts(child.run).cancelled, 1u);
  EXPECT_EQ(counts(grandchild.run).cancelled, 5u);
}

TEST_F(scheduler, loses_a_task_that_dies_again_and_again_in_company) {
  core.submit(spec(sweep, 1));
  std::uint64_t worker = 0;
  while (!counts().ended()) {
    worker_id w{++worker};
    core.worker_joined(w, 1);
    if (!seen.grants[w].empty()) {
      core.submit(spec(nth_run_of(w, 1), 1));
      core.worker_waits(w, 1);
      EXPECT_EQ(seen.grants[w].size(), 2u);
    }
    core.worker_left(w, died());
    core.check_invariants();
    ASSERT_LT(worker, 30u);
  }
  EXPECT_EQ(counts().lost, 1u);
}

TEST_F(scheduler, serves_a_small_run_while_a_large_one_is_under_way) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 1'000'000));
  finish(ann, next(ann));
  auto small = spec(run_id{2}, 1);
  small.name = "g";
  core.submit(small);
  for (int leases = 0; leases < 6; ++leases) {
    auto l = next(ann);
    finish(ann, l);
    if (l.run == run_id{2})
      return;
  }
  FAIL() << "the small run was not served within 6 leases";
}

TEST_F(scheduler, answers_waiters_of_a_run_that_is_released) {
  core.submit(spec(sweep, 5));
  core.wait(waiter_id{1}, {{sweep, 0, 5}}, 5);
  core.release(sweep);
  EXPECT_EQ(seen.answered.size(), 1u);
  EXPECT_FALSE(core.knows(sweep));
}

// -- drains -------------------------------------------------------------------------------------------------

TEST_F(scheduler, drains_a_worker_that_has_nothing_at_once) {
  core.worker_joined(ann, 1);
  core.drain(ann);
  core.drain(ann);
  core.drain(bob);
  EXPECT_EQ(seen.drained_workers, std::set{ann});
  EXPECT_TRUE(seen.recalled.empty());
  core.submit(spec(sweep, 1));
  EXPECT_TRUE(seen.grants[ann].empty());
  core.worker_joined(bob, 1);
  EXPECT_EQ(seen.grants[bob].size(), 1u);
}

TEST_F(scheduler, gives_what_a_draining_worker_has_not_begun_to_others_as_it_was) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 100'000));
  finish(ann, next(ann));
  auto first = next(ann);
  auto second = next(ann);
  core.drain(ann);
  EXPECT_EQ(seen.recalled, std::set{ann});
  core.worker_joined(bob, 1);
  while (!seen.grants[ann].empty())
    return_all(ann, next(ann));
  return_all(ann, second);
  core.check_invariants();
  EXPECT_TRUE(seen.drained_workers.empty()) << "it is in the first one";
  finish(ann, first);
  EXPECT_EQ(seen.drained_workers, std::set{ann});
  core.worker_left(ann, died());
  while (!counts().ended()) {
    ASSERT_FALSE(seen.grants[bob].empty());
    finish(bob, next(bob));
  }
  EXPECT_EQ(counts().finished, 100'000u);
}

TEST_F(scheduler, goes_on_with_what_tasks_of_a_draining_worker_submitted) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 1));
  auto outer = next(ann);
  core.worker_waits(ann, 1);
  core.drain(ann);
  core.submit(spec(nth_run_of(ann, 1), 1));
  EXPECT_TRUE(seen.grants[ann].empty());
  core.worker_joined(bob, 1);
  finish(bob, next(bob));
  EXPECT_EQ(counts(nth_run_of(ann, 1)).finished, 1u);
  core.worker_waits(ann, 0);
  finish(ann, outer);
  EXPECT_EQ(seen.drained_workers, std::set{ann});
}

TEST_F(scheduler, blames_no_task_of_a_draining_worker_that_dies) {
  driven_scheduler strict{seen, 0};
  strict.submit(spec(sweep, 1));
  for (std::uint64_t i = 1; i <= 10; ++i) {
    strict.worker_joined(worker_id{i}, 1);
    ASSERT_EQ(seen.grants[worker_id{i}].size(), 1u);
    strict.drain(worker_id{i});
    strict.worker_left(worker_id{i}, died());
    strict.check_invariants();
  }
  EXPECT_EQ(strict.counts({{sweep, 0, 1}}).pending, 1u);
}

TEST_F(scheduler, lets_suspects_wait_for_workers_that_stay) {
  core.worker_joined(ann, 1);
  core.worker_joined(bob, 1);
  core.submit(spec(sweep, 1));
  core.worker_left(ann, died());
  EXPECT_EQ(seen.grants[bob].size(), 1u);
  core.drain(bob);
  return_all(bob, next(bob));
  EXPECT_TRUE(seen.grants[bob].empty());
  core.worker_joined(worker_id{3}, 1);
  EXPECT_EQ(seen.grants[worker_id{3}].size(), 1u);
}

// -- infrastructure losses -------------------------------------------------------------------------------------

TEST_F(scheduler, uses_up_no_retry_when_the_node_is_lost) {
  driven_scheduler strict{seen, 0};
  strict.submit(spec(sweep, 1));
  for (std::uint64_t i = 1; i <= 50; ++i) {
    strict.worker_joined(worker_id{i}, 1);
    strict.worker_left(worker_id{i}, ended(i % 2 ? error_code::worker_node_lost : error_code::worker_walltime));
    strict.check_invariants();
  }
  EXPECT_EQ(strict.counts({{sweep, 0, 1}}).pending, 1u);
}

TEST_F(scheduler, tries_no_task_alone_whose_node_was_lost) {
  core.worker_joined(ann, 2);
  core.submit(spec(sweep, 1000));
  finish(ann, next(ann));
  auto before = seen.grants[ann].back();
  ASSERT_GT(before.count, 1u);
  core.worker_left(ann, ended(error_code::worker_node_lost));
  core.worker_joined(bob, 2);
  EXPECT_GT(seen.grants[bob].size(), 1u) << "suspects would come one by one";
  EXPECT_GT(seen.grants[bob].at(1).count, 1u);
}

TEST_F(scheduler, blames_a_task_at_last_whose_nodes_are_lost_again_and_again) {
  core.submit(spec(sweep, 1));
  std::uint64_t worker = 0;
  while (!counts().ended()) {
    worker_id w{++worker};
    core.worker_joined(w, 1);
    core.worker_left(w, ended(error_code::worker_node_lost));
    ASSERT_LT(worker, 200u);
  }
  EXPECT_EQ(worker, tuning::infrastructure_losses + 3) << "and then it is tried as if it had killed them";
  EXPECT_EQ(failure_of(core.results({{sweep, 0, 1}}).at(0), 0)->code, error_code::worker_node_lost);
}

TEST_F(scheduler, keeps_suspects_suspect_when_their_node_is_lost) {
  core.worker_joined(ann, 1);
  core.submit(spec(sweep, 1000));
  finish(ann, next(ann));
  core.worker_left(ann, died());
  core.worker_joined(bob, 1);
  ASSERT_EQ(seen.grants[bob].size(), 1u);
  auto alone = seen.grants[bob].front();
  core.worker_left(bob, ended(error_code::worker_node_lost));
  core.worker_joined(worker_id{3}, 1);
  ASSERT_EQ(seen.grants[worker_id{3}].size(), 1u);
  EXPECT_LE(next(worker_id{3}).count, alone.count);
}

// -- workers with limited time ---------------------------------------------------------------------------------

TEST_F(scheduler, starts_nothing_that_cannot_end_in_time) {
  core.worker_joined(ann, 1, 100s);
  teach(ann, 10s);
  core.time_left(ann, 12s);
  core.submit(spec(sweep, 1));
  EXPECT_TRUE(seen.grants[ann].empty()) << "tasks may take somewhat longer than those before";
  core.worker_joined(bob, 1, 100s);
  EXPECT_EQ(seen.grants[bob].size(), 1u);
}

TEST_F(scheduler, cuts_a_lease_to_what_ends_in_time) {
  core.worker_joined(ann, 1, 100s);
  teach(ann, 1ms);
  for (int i = 0; i < 3; ++i) { // until leases are long
    core.submit(spec(run_id{10 + static_cast<std::uint64_t>(i)}, 1000));
    while (!seen.grants[ann].empty())
      finish(ann, next(ann), 1'000'000);
  }
  core.time_left(ann, 9ms);
  core.submit(spec(sweep, 10'000));
  ASSERT_FALSE(seen.grants[ann].empty());
  EXPECT_EQ(next(ann).count, 6u);
}

TEST_F(scheduler, gives_a_worker_with_little_time_the_short_tasks_behind_a_long_one) {
  core.worker_joined(ann, 1, 100s);
  teach(ann, 50s);
  core.time_left(ann, 20s);
  core.submit(spec(sweep, 5));
  auto small = spec(run_id{2}, 3);
  small.name = "g";
  core.submit(small);
  for (int i = 0; i < 3; ++i) {
    auto l = next(ann);
    EXPECT_EQ(l.run, run_id{2});
    finish(ann, l, 1'000'000'000);
    core.check_invariants();
  }
  EXPECT_TRUE(seen.grants[ann].empty());
  core.worker_joined(bob, 1, 100s);
  EXPECT_EQ(next(bob).run, sweep);
}

TEST_F(scheduler, keeps_a_thread_free_for_a_long_task_where_the_time_is) {
  core.worker_joined(bob, 1, 100s);
  teach(bob, 30s);
  auto small = spec(run_id{2}, 1'000'000);
  small.name = "g";
  core.submit(small);
  finish(bob, next(bob));
  core.worker_joined(ann, 1, 1ns); // has room, and time for nothing
  core.submit(spec(sweep, 1));
  for (int i = 0; i < 10; ++i) {
    ASSERT_FALSE(seen.grants[bob].empty());
    auto l = next(bob);
    if (l.run == sweep)
      return;
    finish(bob, l);
  }
  FAIL() << "short tasks in advance kept the long one away";
}

TEST_F(scheduler, tries_a_task_longer_than_any_life_with_a_whole_one) {
  core.worker_joined(ann, 1);
  teach(ann, 1000s);
  core.worker_left(ann, died());
  core.submit(spec(sweep, 1));
  core.worker_joined(bob, 1, 100s);
  EXPECT_EQ(seen.grants[bob].size(), 1u);
  core.worker_left(bob, ended(error_code::worker_node_lost));
  worker_id used{3};
  worker_id fresh{4};
  core.worker_joined(used, 1, 100s);
  return_all(used, next(used)); // and is granted to the same worker again
  EXPECT_EQ(seen.grants[used].size(), 1u);
  core.time_left(used, 50s);
  return_all(used, next(used));
  EXPECT_TRUE(seen.grants[used].empty()) << "a fresh one may come";
  core.worker_joined(fresh, 1, 95s);
  EXPECT_EQ(seen.grants[fresh].size(), 1u);
}

TEST_F(scheduler, loses_a_task_for_which_whole_lives_were_too_short) {
  core.submit(spec(sweep, 1));
  std::uint64_t worker = 0;
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(counts().ended());
    worker_id w{++worker};
    core.worker_joined(w, 1, 3600s);
    ASSERT_EQ(seen.grants[w].size(), 1u);
    core.time_left(w, 0s);
    core.worker_left(w, ended(error_code::worker_walltime));
    core.check_invariants();
  }
  EXPECT_EQ(counts().lost, 1u);
  auto why = *failure_of(core.results({{sweep, 0, 1}}).at(0), 0);
  EXPECT_EQ(why.code, error_code::worker_walltime);
  EXPECT_EQ(why.text, "was killed; the task was tried 3 times with all the time of a worker, 1h 00m, and needs more: "
                      "raise the walltime, or split the task");
}

TEST_F(scheduler, counts_a_life_whose_end_was_told_only_after_the_task_had_begun) {
  core.submit(spec(sweep, 1));
  for (std::uint64_t i = 1; i <= 3; ++i) {
    EXPECT_FALSE(counts().ended());
    worker_id w{i};
    core.worker_joined(w, 1);
    ASSERT_EQ(seen.grants[w].size(), 1u);
    core.time_left(w, 3600s);
    core.time_left(w, 0s);
    core.worker_left(w, ended(error_code::worker_walltime));
    core.check_invariants();
  }
  EXPECT_EQ(counts().lost, 1u);
}

TEST_F(scheduler, counts_how_long_a_task_ran_when_its_job_was_given_more_time) {
  core.submit(spec(sweep, 1));
  core.worker_joined(ann, 1, 100s);
  core.time_left(ann, 10s);
  core.time_left(ann, 300s); // it has run for 90 s
  core.time_left(ann, 0s);
  core.worker_joined(bob, 1, 1000s);
  core.time_left(bob, 420s);
  core.worker_left(ann, ended(error_code::worker_node_lost));
  EXPECT_TRUE(seen.grants[bob].empty()) << "390 s were not enough";
  worker_id fresh{3};
  core.worker_joined(fresh, 1, 430s);
  EXPECT_EQ(seen.grants[fresh].size(), 1u);
}

TEST_F(scheduler, gives_a_task_more_time_than_it_was_cut_short_after) {
  core.submit(spec(sweep, 3));
  core.worker_joined(ann, 1, 100s);
  core.time_left(ann, 40s);
  finish(ann, next(ann));
  core.worker_joined(bob, 1, 100s); // gets the third task
  core.time_left(bob, 42s);
  core.time_left(ann, 0s);
  core.worker_left(ann, ended(error_code::worker_walltime));
  finish(bob, next(bob));
  EXPECT_TRUE(seen.grants[bob].empty()) << "40 s were not enough, and a life is longer";
  worker_id fresh{3};
  core.worker_joined(fresh, 1, 100s);
  EXPECT_EQ(seen.grants[fresh].size(), 1u);
}

TEST_F(scheduler, gives_nothing_to_a_worker_whose_time_is_over_until_it_has_more) {
  core.worker_joined(ann, 1, 10s);
  core.time_left(ann, -1s);
  core.submit(spec(sweep, 1));
  EXPECT_TRUE(seen.grants[ann].empty());
  core.time_left(ann, 60s);
  EXPECT_EQ(seen.grants[ann].size(), 1u) << "its job was given more";
}

/// Workers whose jobs end and are replaced, with tasks of given durations.
struct timed_cluster : scheduler_effects {
  using seconds = std::uint64_t;

  struct worker {
    seconds end = 0;
    std::deque<lease> leases;
    seconds busy = 0; ///< how long it has been in the first task of the first lease
  };

  timed_cluster(std::uint32_t seed, std::size_t retries) : random{seed}, core{*this, retries} {}

  void describe(worker_id, const run_brief&) override {}
  void grant(worker_id id, const lease& granted) override {
    EXPECT_GT(workers.at(id).end, now) << "its time is over";
    workers.at(id).leases.push_back(granted);
  }
  void cancel(worker_id, const run_range&) override {}
  void recall(worker_id id) override { recalled.insert(id); }
  void drained(worker_id id) override { drained_workers.insert(id); }
  void forget(worker_id, run_id) override {}
  void adopt_results(worker_id, const std::vector<object_id>&) override {}
  void release_results(const std::vector<object_id>&) override {}
  void release_arguments_of(run_id, const std::vector<object_id>&) override {}
  void satisfied(waiter_id) override {}
  void unattended_ended(run_id) override {}
  void changed(run_id) override {}

  void submit(run_id run, const std::string& function, std::vector<seconds> each) {
    run_spec spec;
    spec.run = run;
    spec.name = function;
    spec.tasks = each.size();
    takes[run] = std::move(each);
    core.submit(spec);
  }

  void join(seconds life) {
    worker_id id{++last};
    workers[id].end = now + life;
    core.worker_joined(id, 1, std::chrono::seconds{life});
  }

  void report(worker_id id, const lease& l, std::uint64_t done, std::uint64_t returned, bool closed) {
    lease_report r;
    r.id = l.id;
    r.block = scheduler::results(l.first, done);
    r.busy_ns = done * takes.at(l.run)[l.first] * 1'000'000'000;
    r.returned = returned;
    r.closed = closed;
    core.report(id, std::move(r));
  }

  /// Simulates one second. The worker's tasks go on, and end with the worker when its time is over.
  void pass(worker_id id) {
    auto& w = workers.at(id);
    core.time_left(id, std::chrono::seconds{w.end - now});
    if (recalled.erase(id))
      for (auto back = w.leases.size(); back > 1; --back) {
        auto l = w.leases.back();
        w.leases.pop_back();
        report(id, l, 0, l.count, true);
      }
    if (!w.leases.empty() && ++w.busy >= takes.at(w.leases.front().run)[w.leases.front().first]) {
      auto& l = w.leases.front();
      auto done = l;
      ++l.first;
      auto closed = --l.count == 0;
      if (closed)
        w.leases.pop_front();
      w.busy = 0;
      ++finished[{done.run, done.first}];
      report(id, done, 1, 0, closed);
    }
    if (now + 1 >= w.end || drained_workers.contains(id)) {
      if (!w.leases.empty())
        ++killed[{w.leases.front().run, w.leases.front().first}];
      failure why;
      why.code = error_code::worker_walltime;
      why.text = "ended";
      core.time_left(id, std::chrono::seconds{w.end - now - 1});
      auto gone = workers.extract(id);
      core.worker_left(id, why);
    }
  }

  /// Runs until all runs have ended; returns false when that takes too long.
  bool run(std::size_t size, seconds life, seconds patience) {
    for (seconds stop = now + patience; now < stop; ++now) {
      while (workers.size() < size)
        join(life - life / 4 + random() % (life / 4 + 1));
      if (random() % 300 == 0)
        core.drain(worker_id{last});
      std::vector<worker_id> all;
      for (const auto& [id, w] : workers)
        all.push_back(id);
      for (auto id : all)
        pass(id);
      core.check_invariants();
      if (std::all_of(takes.begin(), takes.end(), [&](const auto& r) {
            return core.counts({{r.first, 0, UINT64_MAX}}).ended();
          }))
        return true;
    }
    return false;
  }

  std::mt19937 random;
  seconds now = 0;
  std::uint64_t last = 0;
  std::map<worker_id, worker> workers;
  std::set<worker_id> recalled;
  std::set<worker_id> drained_workers;
  std::map<run_id, std::vector<seconds>> takes;
  std::map<std::pair<run_id, std::uint64_t>, int> finished;
  std::map<std::pair<run_id, std::uint64_t>, int> killed;
  driven_scheduler core;
};

TEST(scheduler_with_walltime, ends_all_that_fits_into_a_life_and_starts_little_in_vain) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    timed_cluster cluster{seed, 0};
    std::mt19937 random{seed};
    auto some = [&](std::size_t count, std::uint64_t least, std::uint64_t most) {
      std::vector<std::uint64_t> each(count);
      for (auto& e : each)
        e = least + random() % (most - least + 1);
      return each;
    };
    cluster.submit(run_id{1}, "short", some(500, 1, 3));
    cluster.submit(run_id{2}, "long", some(40, 120, 140));
    cluster.submit(run_id{3}, "mixed", some(60, 1, 170));
    for (std::uint64_t r = 10; r < 40; ++r) // one by one
      cluster.submit(run_id{r}, "long", some(1, 120, 140));
    ASSERT_TRUE(cluster.run(8, 250, 20'000)) << "seed " << seed;
    int in_vain = 0;
    for (const auto& [task, times] : cluster.killed)
      in_vain += times;
    for (const auto& [run, each] : cluster.takes)
      EXPECT_EQ(cluster.core.counts({{run, 0, UINT64_MAX}}).finished, each.size()) << "seed " << seed;
    for (const auto& [task, times] : cluster.finished)
      EXPECT_EQ(times, 1) << "seed " << seed;
    EXPECT_LT(in_vain, 40) << "seed " << seed;
  }
}

TEST(scheduler_with_walltime, loses_the_one_task_that_no_life_is_long_enough_for) {
  for (std::uint32_t seed = 1; seed <= 10; ++seed) {
    timed_cluster cluster{seed, 2};
    std::vector<std::uint64_t> each(100, 20);
    each[50] = 1'000'000;
    cluster.submit(run_id{1}, "f", each);
    ASSERT_TRUE(cluster.run(4, 200, 20'000)) << "seed " << seed;
    auto counts = cluster.core.counts({{run_id{1}, 0, UINT64_MAX}});
    EXPECT_EQ(counts.finished, 99u);
    EXPECT_EQ(counts.lost, 1u);
    auto why = *failure_of(cluster.core.results({{run_id{1}, 50, 1}}).at(0), 50);
    EXPECT_EQ(why.code, error_code::worker_walltime);
    EXPECT_LT(cluster.killed.at({run_id{1}, 50}), 20) << "seed " << seed;
  }
}

TEST_F(scheduler, ends_every_task_exactly_once_whatever_happens) {
  // Random events with a fixed seed: joins, deaths, partial reports, returned work, cancellations, releases, drains,
  // expired walltimes, lost nodes.
  for (unsigned seed = 1; seed <= 30; ++seed) {
    std::mt19937 random{seed};
    auto chance = [&](unsigned percent) { return random() % 100 < percent; };
    recorder log;
    driven_scheduler sim{log, 1, seed % 3 == 0 ? std::optional<std::size_t>{1 + seed % 5} : std::nullopt};
    std::uint64_t workers = 0;
    std::vector<worker_id> alive;
    std::map<worker_id, std::chrono::milliseconds> left; // of workers with limited time
    std::set<std::uint64_t> released;
    std::uint64_t runs = 0;
    std::uint64_t inner = 0;
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> done; // lease -> reported
    for (int step = 0; step < 600; ++step) {
      if (alive.size() < 2 || chance(3)) {
        worker_id w{++workers};
        if (chance(50)) {
          left[w] = std::chrono::milliseconds{1 + random() % 2000};
          sim.worker_joined(w, 1 + random() % 3, left[w]);
        } else {
          sim.worker_joined(w, 1 + random() % 3);
        }
        alive.push_back(w);
      }
      if (chance(30)) {
        auto w = alive[random() % alive.size()];
        auto& time = left.try_emplace(w, 1000).first->second;
        time = chance(10) ? time * 2 : time - time / 4;
        sim.time_left(w, time);
      }
      if (chance(2))
        sim.drain(alive[random() % alive.size()]);
      if (runs < 8 && chance(5)) {
        auto s = spec(run_id{++runs}, random() % 400);
        if (runs > 1 && chance(30))
          s.inputs = {{run_id{runs - 1}, 0, 1}};
        sim.submit(s);
      }
      if (chance(10)) {
        // A task submits a run, waits for it or not, and may release it.
        auto owner = alive[random() % alive.size()];
        auto run = nth_run_of(owner, ++inner);
        sim.submit(spec(run, random() % 10));
        sim.worker_waits(owner, random() % 3);
        if (chance(50))
          sim.release(run);
      }
      if (runs != 0 && chance(2))
        sim.cancel({run_id{1 + random() % runs}, random() % 400, random() % 50});
      if (runs != 0 && chance(1)) {
        released.insert(1 + random() % runs);
        sim.release(run_id{*released.rbegin()});
      }
      auto at = random() % alive.size();
      auto w = alive[at];
      if (chance(4)) {
        alive.erase(alive.begin() + static_cast<std::ptrdiff_t>(at));
        log.grants.erase(w);
        constexpr std::array causes{error_code::worker_died, error_code::worker_walltime, error_code::worker_node_lost};
        sim.worker_left(w, ended(causes[random() % 3]));
      } else if (log.recalled.contains(w) && log.grants[w].size() > 1 && chance(80)) {
        auto l = log.grants[w].back();
        log.grants[w].pop_back();
        lease_report r;
        r.id = l.id;
        r.returned = l.count;
        r.closed = true;
        sim.report(w, std::move(r));
      } else if (!log.grants[w].empty()) {
        auto& l = log.grants[w].front();
        lease_report r;
        r.id = l.id;
        auto count = 1 + random() % l.count;
        r.block = results(l.first, count);
        r.busy_ns = count * (random() % 2'000'000);
        l.first += count;
        l.count -= count;
        if (l.count == 0 || chance(20)) {
          r.returned = l.count;
          r.closed = true;
        }
        if (r.closed)
          log.grants[w].pop_front();
        sim.report(w, std::move(r));
      }
      sim.check_invariants();
    }
    for (int rounds = 0; rounds < 10'000; ++rounds) {
      bool idle = true;
      for (auto w : alive)
        if (!log.grants[w].empty()) {
          auto l = log.grants[w].front();
          log.grants[w].pop_front();
          lease_report r;
          r.id = l.id;
          r.block = results(l.first, l.count);
          r.busy_ns = 1000 * l.count;
          r.closed = true;
          sim.report(w, std::move(r));
          idle = false;
        }
      if (!idle)
        continue;
      // The remaining tasks wait for workers that stay, and for more time.
      auto over = [&](std::uint64_t r) { return sim.counts({{run_id{r}, 0, UINT64_MAX}}).ended(); };
      std::uint64_t open = 0;
      for (std::uint64_t r = 1; r <= runs; ++r)
        open += !over(r);
      if (open == 0)
        break;
      ASSERT_FALSE(alive.empty()) << "seed " << seed;
      auto w = alive.front();
      alive.erase(alive.begin());
      sim.worker_left(w, ended(error_code::worker_walltime));
      alive.push_back(worker_id{++workers});
      sim.worker_joined(alive.back(), 2, 2s);
    }
    sim.check_invariants();
    for (auto w : alive)
      EXPECT_TRUE(!log.recalled.contains(w) || log.drained_workers.contains(w)) << "seed " << seed;
    for (std::uint64_t r = 1; r <= runs; ++r)
      EXPECT_TRUE(sim.counts({{run_id{r}, 0, UINT64_MAX}}).ended()) << "seed " << seed << " run " << r;
  }
}

} // namespace
} // namespace daskify::internal
