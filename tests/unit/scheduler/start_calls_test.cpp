#include "daskify/scheduler/start_calls.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <tuple>

namespace daskify::internal {
namespace {

/// Plays the workers: records which call each worker is in, and checks the order of the effects.
struct recorder : start_call_effects {
  void make_call(worker_id worker, const run_spec& call, lease_id as) override {
    EXPECT_TRUE(paused.contains(worker)) << "it might be in a task";
    EXPECT_TRUE(in.emplace(worker, std::pair{call.run, as}).second) << "two calls at a time";
    made[worker].push_back(call.name);
  }
  void withdraw_call(worker_id worker, run_id call) override { withdrawn.emplace_back(worker, call); }
  void abandon_call(worker_id worker, run_id call) override { abandoned.emplace_back(worker, call); }
  void refuse_tasks(worker_id worker, worker_id client, const failure& why) override {
    EXPECT_TRUE(refused.emplace(std::pair{worker, client}, why.text).second) << "told twice";
    EXPECT_EQ(why.code, error_code::start_call_failed);
  }
  void calls_begin(worker_id worker) override { paused.insert(worker); }
  void calls_made(worker_id worker) override { EXPECT_EQ(paused.erase(worker), 1u) << "told twice"; }

  std::set<worker_id> paused;
  std::map<worker_id, std::pair<run_id, lease_id>> in;
  std::map<worker_id, std::vector<std::string>> made;
  std::vector<std::pair<worker_id, run_id>> withdrawn;
  std::vector<std::pair<worker_id, run_id>> abandoned;
  std::map<std::pair<worker_id, worker_id>, std::string> refused;
};

struct start_calls_of_workers : testing::Test {
  recorder seen;
  start_calls calls{seen, 3};

  static constexpr worker_id ann{1};
  static constexpr worker_id bob{2};
  static constexpr worker_id local{};
  static constexpr worker_id other{9};

  void add(worker_id client, std::uint64_t n, const std::string& name) {
    run_spec call;
    call.run = nth_start_call_of(client, n);
    call.name = name;
    calls.add(client, call);
  }
  void join(worker_id worker) {
    if (calls.any())
      seen.calls_begin(worker); // as the scheduler does
    calls.worker_joined(worker);
  }
  void leave(worker_id worker, error_code code = error_code::worker_died) {
    seen.in.erase(worker);
    seen.paused.erase(worker);
    failure cause;
    cause.code = code;
    cause.text = "was killed by signal 11";
    calls.worker_left(worker, cause);
  }
  void end(worker_id worker, const std::optional<failure>& why = {}) {
    auto lease = seen.in.at(worker).second;
    seen.in.erase(worker);
    calls.returned(worker, lease, why);
  }
  static failure thrown(const std::string& text) {
    failure why;
    why.code = error_code::task_threw;
    why.type = "std::runtime_error";
    why.text = text;
    why.worker = "worker-3";
    why.host = "here";
    return why;
  }
  using names = std::vector<std::string>;
};

TEST_F(start_calls_of_workers, are_made_one_after_the_other_in_the_order_of_their_adding) {
  add(local, 1, "f");
  add(local, 2, "g");
  join(ann);
  EXPECT_EQ(seen.made[ann], names{"f"});
  EXPECT_FALSE(calls.is_ready(ann, local));
  end(ann);
  EXPECT_EQ(seen.made[ann], (names{"f", "g"}));
  end(ann);
  EXPECT_TRUE(calls.is_ready(ann, local));
  EXPECT_TRUE(seen.paused.empty());
}

TEST_F(start_calls_of_workers, are_made_by_workers_present_and_to_come_once_each) {
  join(ann);
  add(local, 1, "f");
  EXPECT_TRUE(seen.paused.contains(ann));
  add(local, 1, "f"); // told twice
  join(bob);
  end(ann);
  end(bob);
  EXPECT_EQ(seen.made[ann], names{"f"});
  EXPECT_EQ(seen.made[bob], names{"f"});
}

TEST_F(start_calls_of_workers, of_a_process_that_replaces_another_begin_anew) {
  add(local, 1, "f");
  join(ann);
  end(ann);
  leave(ann);
  join(bob);
  EXPECT_EQ(seen.made[bob], names{"f"});
}

TEST_F(start_calls_of_workers, that_throw_end_the_tasks_and_calls_of_their_client_there_and_of_no_other) {
  add(local, 1, "f");
  add(local, 2, "g");
  add(other, 1, "h");
  join(ann);
  join(bob);
  end(ann, thrown("no license"));
  EXPECT_EQ(seen.refused.at({ann, local}),
            "the call f of on_worker_start threw std::runtime_error: no license [worker-3 on here]");
  EXPECT_EQ(seen.made[ann], (names{"f", "h"})) << "the other client's is made";
  end(ann);
  EXPECT_TRUE(calls.is_ready(ann, other));
  EXPECT_FALSE(calls.is_ready(ann, local));
  ASSERT_TRUE(calls.failed(local));
  EXPECT_EQ(calls.failed(local)->text, seen.refused.at({ann, local}));
  EXPECT_FALSE(calls.failed(other));
  end(bob);
  EXPECT_EQ(seen.made[bob], (names{"f", "g"})) << "it went well there";
}

TEST_F(start_calls_of_workers, that_end_three_workers_in_a_row_are_not_made_again) {
  add(local, 1, "f");
  for (std::uint64_t i = 1; i <= 3; ++i) {
    join(worker_id{i});
    EXPECT_TRUE(seen.in.contains(worker_id{i}));
    leave(worker_id{i});
  }
  ASSERT_TRUE(calls.failed(local));
  EXPECT_EQ(calls.failed(local)->text, "the call f of on_worker_start ended 3 workers in a row, the last one so: was "
                                       "killed by signal 11");
  join(worker_id{4});
  EXPECT_FALSE(seen.in.contains(worker_id{4}));
  EXPECT_TRUE(seen.refused.contains({worker_id{4}, local}));
  EXPECT_TRUE(seen.paused.empty()) << "it works for others";
}

TEST_F(start_calls_of_workers, are_not_blamed_for_workers_whose_time_or_node_was_gone_nor_after_a_success) {
  add(local, 1, "f");
  for (std::uint64_t i = 1; i <= 9; ++i) {
    join(worker_id{i});
    leave(worker_id{i}, i % 2 ? error_code::worker_walltime : error_code::worker_node_lost);
  }
  EXPECT_FALSE(calls.failed(local));
  for (std::uint64_t i = 10; i <= 20; ++i) {
    join(worker_id{i});
    if (i % 3 == 0)
      end(worker_id{i});
    else
      leave(worker_id{i});
  }
  EXPECT_FALSE(calls.failed(local)) << "never three in a row";
}

TEST_F(start_calls_of_workers, are_made_again_when_all_workers_were_killed_together) {
  add(local, 1, "f");
  for (std::uint64_t i = 1; i <= 5; ++i)
    join(worker_id{i});
  for (std::uint64_t i = 1; i <= 5; ++i)
    leave(worker_id{i});
  EXPECT_FALSE(calls.failed(local));
  join(worker_id{6});
  EXPECT_TRUE(seen.in.contains(worker_id{6}));
  leave(worker_id{6});
  EXPECT_FALSE(calls.failed(local));
  join(worker_id{7});
  leave(worker_id{7});
  EXPECT_TRUE(calls.failed(local)) << "somebody else's kills are no longer likely";
}

TEST_F(start_calls_of_workers, are_withdrawn_when_their_client_leaves) {
  add(other, 1, "f");
  add(other, 2, "g");
  add(local, 1, "h");
  join(ann);
  calls.client_left(other);
  EXPECT_EQ(seen.abandoned.size(), 1u);
  end(ann, thrown("too late to matter"));
  EXPECT_EQ(seen.made[ann], (names{"f", "h"}));
  EXPECT_TRUE(seen.refused.empty());
  end(ann);
  join(bob);
  EXPECT_EQ(seen.made[bob], names{"h"});
}

TEST_F(start_calls_of_workers, are_ended_by_the_report_of_their_own_lease_only) {
  add(local, 1, "f");
  join(ann);
  calls.returned(ann, lease_of_start_call(7), {});
  calls.returned(bob, lease_of_start_call(1), {});
  EXPECT_FALSE(calls.is_ready(ann, local));
  end(ann);
  calls.returned(ann, lease_of_start_call(1), thrown("again"));
  EXPECT_TRUE(calls.is_ready(ann, local));
}

/// With random events, each worker makes the calls in their order, no call twice, and gets tasks in the end.
TEST_F(start_calls_of_workers, end_in_work_for_every_worker_in_any_order_of_events) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    seen = {};
    start_calls all{seen, 3};
    std::mt19937 random{seed};
    auto pick = [&](unsigned below) { return random() % below; };
    std::set<worker_id> present;
    std::set<worker_id> clients{local};
    std::uint64_t last_call = 0;
    std::uint64_t last_worker = 100;
    std::map<std::string, std::uint64_t> order;
    auto end_call = [&](worker_id worker, bool fails) {
      auto lease = seen.in.at(worker).second;
      seen.in.erase(worker);
      all.returned(worker, lease, fails ? std::optional{thrown("seed")} : std::nullopt);
    };
    for (int step = 0; step < 200; ++step) {
      switch (pick(6)) {
      case 0: {
        worker_id client{pick(3)};
        clients.insert(client);
        run_spec call;
        call.run = nth_start_call_of(client, ++last_call);
        call.name = std::to_string(last_call);
        order[call.name] = last_call;
        all.add(client, call);
        break;
      }
      case 1: {
        worker_id worker{++last_worker};
        present.insert(worker);
        if (all.any())
          seen.calls_begin(worker);
        all.worker_joined(worker);
        break;
      }
      case 2:
        if (!present.empty()) {
          auto gone = *present.begin();
          present.erase(gone);
          seen.in.erase(gone);
          seen.paused.erase(gone);
          failure cause;
          cause.code = pick(2) ? error_code::worker_died : error_code::worker_walltime;
          all.worker_left(gone, cause);
        }
        break;
      case 3:
        if (pick(8) == 0) {
          auto left = worker_id{1 + pick(2)};
          all.client_left(left);
          std::erase_if(seen.refused, [&](const auto& r) { return r.first.second == left; });
        }
        break;
      default:
        if (!seen.in.empty())
          end_call(std::next(seen.in.begin(), pick(static_cast<unsigned>(seen.in.size())))->first, pick(5) == 0);
      }
    }
    while (!seen.in.empty())
      end_call(seen.in.begin()->first, false);
    EXPECT_TRUE(seen.paused.empty()) << "seed " << seed;
    for (const auto& [worker, made] : seen.made)
      EXPECT_TRUE(std::is_sorted(made.begin(), made.end(),
                                 [&](const auto& a, const auto& b) { return order.at(a) < order.at(b); }) &&
                  std::adjacent_find(made.begin(), made.end()) == made.end())
          << "seed " << seed;
    for (auto worker : present)
      for (auto client : clients)
        EXPECT_EQ(all.is_ready(worker, client), !seen.refused.contains({worker, client})) << "seed " << seed;
  }
}

} // namespace
} // namespace daskify::internal
