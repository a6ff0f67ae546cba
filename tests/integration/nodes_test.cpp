/// Several nodes on one machine, each a real process with a store of its own: what happens between them.

#include "support/cluster_of_two.hpp"

#include <bit>
#include <csignal>
#include <future>
#include <random>
#include <set>
#include <thread>

namespace {

using namespace std::chrono_literals;
using namespace daskify::test;
using daskify::args;
using daskify::iterables;
using daskify::range;
using testing::HasSubstr;

/// Three nodes with one worker each; the first one is this process.
struct three_nodes : cluster_of_two {
  three_nodes() { cluster = make({.size = 3, .nodes = 3}); }

  std::vector<std::string> nodes_of(const std::string& key) {
    for (const auto& o : cluster.objects())
      if (o.key == key)
        return o.nodes;
    return {};
  }

  /// Whether another process is the node and has a worker. A worker of the previous process may still be listed, as a
  /// child of the process that adopts orphans.
  bool is_replaced(const std::string& node, int earlier) {
    auto now = process_of(node);
    return now > 1 && now != earlier && cluster.nodes().size() == 3;
  }

  /// The process of a node: the parent of its worker.
  int process_of(const std::string& node) {
    for (const auto& w : cluster.workers())
      if (w.node == node)
        return parent_of(w.pid);
    return 0;
  }
};

std::vector<double> noise(std::size_t size, std::uint64_t seed = 1) {
  std::mt19937_64 random{seed};
  std::vector<double> all(size);
  for (auto& x : all)
    x = std::bit_cast<double>(random()); // NaNs with payloads, infinities and denormals among them
  return all;
}

std::uint64_t fingerprint(std::span<const double> all) {
  std::uint64_t sum = 0;
  for (auto x : all)
    sum = sum * 31 + std::bit_cast<std::uint64_t>(x);
  return sum;
}

TEST_F(three_nodes, have_workers_that_say_where_they_are) {
  std::set<std::string> nodes;
  for (const auto& w : cluster.workers())
    nodes.insert(w.node);
  EXPECT_EQ(nodes, (std::set<std::string>{"node-0", "node-1", "node-2"}));
}

TEST_F(three_nodes, pull_what_their_tasks_need_bit_by_bit) {
  auto data = noise(3'000'001);
  auto handle = cluster.scatter_data("noise", data);
  auto results = cluster.gather_data(cluster.run(
      [](std::span<const double> all, int) {
        std::this_thread::sleep_for(100ms);
        return fingerprint(all);
      },
      args(handle), iterables(range(9))));
  EXPECT_THAT(results, testing::Each(fingerprint(data)));
  EXPECT_EQ(nodes_of("noise").size(), 3u) << "each worker had three tasks of it";
}

TEST_F(three_nodes, are_given_data_before_they_are_needed) {
  auto handle = cluster.scatter_data("all over", noise(2'000'000));
  EXPECT_EQ(nodes_of("all over"), std::vector<std::string>{"node-0"});
  cluster.broadcast_data(handle);
  EXPECT_THAT(nodes_of("all over"), testing::ElementsAre("node-0", testing::_, testing::_));
  auto small = cluster.scatter_data("small", std::string{"small"});
  cluster.broadcast_data(small);
  EXPECT_EQ(nodes_of("small").size(), 3u);
  auto empty = cluster.scatter_data("empty", std::vector<double>{});
  cluster.broadcast_data(empty);
  EXPECT_EQ(nodes_of("empty").size(), 3u);
}

TEST_F(three_nodes, share_many_small_objects) {
  std::vector<daskify::scattered<std::string>> parts;
  for (int i = 0; i < 2000; ++i)
    parts.push_back(
        cluster.scatter_data(std::string(static_cast<std::size_t>(i % 300), static_cast<char>('a' + i % 26))));
  std::vector<daskify::future<std::size_t>> sizes;
  for (const auto& p : parts)
    sizes.push_back(cluster.submit([](std::string_view text) { return text.size(); }, p));
  auto gathered = cluster.gather_data(sizes);
  for (std::size_t i = 0; i < gathered.size(); ++i)
    ASSERT_EQ(gathered[i], i % 300);
}

TEST_F(three_nodes, keep_large_results_until_they_are_gathered) {
  auto made = cluster.run(
      [](int i) {
        std::this_thread::sleep_for(50ms);
        return noise(500'000, static_cast<std::uint64_t>(i));
      },
      iterables(range(6)));
  daskify::wait(made);
  std::set<std::string> where;
  for (const auto& o : cluster.objects()) {
    EXPECT_EQ(o.size_bytes, 4'000'000u);
    where.insert(o.nodes.begin(), o.nodes.end());
  }
  EXPECT_EQ(cluster.objects().size(), 6u);
  EXPECT_GT(where.size(), 1u);
  auto results = cluster.gather_data(made);
  for (std::size_t i = 0; i < results.size(); ++i)
    EXPECT_EQ(fingerprint(results[i]), fingerprint(noise(500'000, i)));
  auto again = cluster.submit([](std::span<const double> all) { return fingerprint(all); }, made[3]);
  EXPECT_EQ(again.get(), fingerprint(noise(500'000, 3)));
  cluster.release(made);
  made = {};
  again = {};
  cluster.release();
  EXPECT_TRUE(eventually([&] { return cluster.objects().empty(); }));
}

TEST_F(three_nodes, lose_what_only_a_dead_one_had_and_say_so) {
  auto kept = cluster.scatter_data("kept", noise(1'000'000));
  cluster.broadcast_data(kept);
  std::vector<daskify::future<std::vector<double>>> made;
  for (int i = 0; i < 6; ++i)
    made.push_back(cluster.submit(
        [](int seed) {
          std::this_thread::sleep_for(100ms);
          return noise(300'000, static_cast<std::uint64_t>(seed));
        },
        i));
  daskify::wait(made);
  std::set<std::uint64_t> doomed;
  for (const auto& o : cluster.objects())
    if (o.nodes == std::vector<std::string>{"node-2"})
      doomed.insert(o.id);
  ASSERT_FALSE(doomed.empty());
  auto killed = process_of("node-2");
  ASSERT_EQ(::kill(killed, SIGKILL), 0);
  ASSERT_TRUE(eventually([&] { return nodes_of("kept").size() == 2; }));
  std::size_t lost = 0;
  for (std::size_t i = 0; i < made.size(); ++i) {
    try {
      EXPECT_EQ(fingerprint(made[i].get()), fingerprint(noise(300'000, i)));
    } catch (const daskify::data_error& e) {
      ++lost;
      EXPECT_EQ(e.code(), daskify::error_code::object_lost);
      EXPECT_THAT(e.what(), HasSubstr("node-2"));
    }
  }
  EXPECT_EQ(lost, doomed.size());
  // Another node replaces it, and can read what is stored on other nodes.
  ASSERT_TRUE(eventually([&] { return is_replaced("node-2", killed); }));
  cluster.broadcast_data(kept);
  EXPECT_EQ(nodes_of("kept").size(), 3u);
}

TEST_F(three_nodes, store_a_large_argument_once_and_not_with_every_task) {
  auto big = noise(1'000'000);
  std::vector<daskify::future<std::uint64_t>> sums;
  for (int i = 0; i < 20; ++i)
    sums.push_back(cluster.submit([](const std::vector<double>& all, int) { return fingerprint(all); }, big, i));
  EXPECT_EQ(cluster.objects().size(), 1u);
  EXPECT_THAT(cluster.gather_data(sums), testing::Each(fingerprint(big)));
  sums.clear();
  EXPECT_TRUE(eventually([&] { return cluster.objects().empty(); }));
}

TEST_F(three_nodes, that_leave_in_the_middle_hold_up_nobody) {
  auto data = cluster.scatter_data("data", noise(1'000'000));
  auto leaving = process_of("node-2");
  ASSERT_EQ(::kill(leaving, SIGSTOP), 0);
  auto broadcast = std::async(std::launch::async, [&] { cluster.broadcast_data(data); });
  ASSERT_TRUE(eventually([&] { return nodes_of("data").size() == 2; })) << "the other one has it";
  ASSERT_EQ(broadcast.wait_for(0s), std::future_status::timeout);
  ASSERT_EQ(::kill(leaving, SIGKILL), 0);
  ASSERT_EQ(broadcast.wait_for(20s), std::future_status::ready);
  broadcast.get();
  EXPECT_GE(cluster.nodes().size(), 2u);
}

struct three_impatient_nodes : three_nodes {
  three_impatient_nodes() {
    cluster = make({.size = 3, .nodes = 3, .heartbeat_interval = 100ms, .heartbeat_timeout = 1500ms});
  }
};

TEST_F(three_impatient_nodes, go_on_without_one_that_stands_still) {
  auto data = cluster.scatter_data(noise(400'000));
  cluster.broadcast_data(data);
  auto stopped = process_of("node-1");
  ASSERT_EQ(::kill(stopped, SIGSTOP), 0);
  auto fresh = cluster.scatter_data(noise(400'001));
  auto sums = cluster.gather_data(cluster.run(
      [](std::span<const double> all, int) {
        std::this_thread::sleep_for(20ms);
        return fingerprint(all);
      },
      args(fresh), iterables(range(60))));
  EXPECT_THAT(sums, testing::Each(fingerprint(noise(400'001))));
  EXPECT_TRUE(eventually([&] { return !is_alive(stopped); }));
  EXPECT_TRUE(eventually([&] { return is_replaced("node-1", stopped); }));
}

TEST_F(three_impatient_nodes, replace_a_worker_that_stood_still_too_long) {
  int stopped = 0;
  for (const auto& w : cluster.workers())
    if (w.node == "node-2")
      stopped = w.pid;
  ASSERT_EQ(::kill(stopped, SIGSTOP), 0);
  ASSERT_TRUE(eventually([&] { return cluster.workers().size() == 2; }));
  ::kill(stopped, SIGCONT);
  EXPECT_TRUE(eventually([&] { return !is_alive(stopped); }));
  EXPECT_TRUE(eventually([&] { return cluster.workers().size() == 3; }));
}

} // namespace
