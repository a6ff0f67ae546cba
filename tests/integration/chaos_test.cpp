/// Several clients put, use, release and spill objects while nodes are killed at random: every value that is read
/// equals the one that was put, losses are reported as losses, and nothing is left behind.

#include "support/cluster_of_two.hpp"

#include <atomic>
#include <bit>
#include <csignal>
#include <random>
#include <thread>

namespace {

using namespace std::chrono_literals;
using namespace daskify::test;

/// A value determined by its seed and size.
std::vector<std::uint64_t> content(std::uint64_t seed, std::size_t size) {
  std::mt19937_64 random{seed};
  std::vector<std::uint64_t> all(size);
  for (auto& x : all)
    x = random();
  return all;
}

std::uint64_t fingerprint(std::span<const std::uint64_t> all) {
  std::uint64_t sum = all.size();
  for (auto x : all)
    sum = (std::rotl(sum, 7) ^ x) * 0x9e3779b97f4a7c15ULL;
  return sum;
}

constexpr int clients = 3;
constexpr int steps = 700;

struct chaos : cluster_of_two, testing::WithParamInterface<std::uint64_t> {
  temporary_folder disk;
  std::atomic<bool> over{false};
  std::atomic<int> killed{0};
  std::atomic<int> lost{0};
  std::atomic<int> read{0};

  chaos() {
    cluster = make(
        {.size = 4, .nodes = 4, .retries = 50, .store_limit = 24'000'000, .spill_directory = disk.path().string()});
  }

  /// Kills nodes, but never the client's own.
  void kill_nodes(std::uint64_t seed) {
    std::mt19937_64 random{seed};
    while (!over) {
      auto victim = "node-" + std::to_string(1 + random() % 3);
      std::this_thread::sleep_for(std::chrono::milliseconds{50 + random() % 200}); // random; awaits no event
      for (const auto& w : cluster.workers())
        if (w.node == victim)
          if (auto pid = parent_of(w.pid); pid > 1 && ::kill(pid, SIGKILL) == 0)
            ++killed;
    }
  }

  /// Reads a result that may have been lost with a node.
  template <class F>
  void check(F&& read_value, std::uint64_t expected) {
    try {
      EXPECT_EQ(read_value(), expected);
      ++read;
    } catch (const daskify::data_error& e) {
      EXPECT_EQ(e.code(), daskify::error_code::object_lost) << e.what();
      ++lost;
    } catch (const daskify::unsuccessful_task& e) {
      ADD_FAILURE() << e.what();
    }
  }

  void be_a_client(std::uint64_t seed) {
    struct scattered_object {
      daskify::scattered<std::vector<std::uint64_t>> handle;
      std::uint64_t expected;
    };
    struct result_object {
      daskify::future<std::vector<std::uint64_t>> future;
      std::uint64_t expected;
    };
    std::mt19937_64 random{seed};
    std::vector<scattered_object> objects;
    std::vector<result_object> results;
    std::vector<std::pair<daskify::data_view<std::uint64_t>, std::uint64_t>> views;
    auto any = [&](auto& of) -> auto& {
      return of[random() % of.size()];
    };
    // Mostly small objects, some of the size of a chunk or of several.
    auto some_size = [&] { return random() % 4 == 0 ? random() % 400'000 : random() % 5'000; };
    for (int step = 0; step < steps; ++step) {
      auto content_seed = random();
      auto size = some_size();
      switch (objects.empty() || results.empty() ? step % 2 : static_cast<int>(random() % 9)) {
      case 0: {
        auto data = content(content_seed, size);
        objects.push_back({cluster.scatter_data(data), fingerprint(data)});
        break;
      }
      case 1:
        results.push_back({cluster.submit(content, content_seed, size), fingerprint(content(content_seed, size))});
        break;
      case 2: { // scattered data are with the client, and never lost
        auto& o = any(objects);
        EXPECT_EQ(fingerprint(cluster.gather_data(o.handle)), o.expected);
        ++read;
        break;
      }
      case 3: {
        auto& o = any(objects);
        EXPECT_EQ(cluster.submit(fingerprint, o.handle).get(), o.expected);
        ++read;
        break;
      }
      case 4: {
        auto& r = any(results);
        check([&] { return fingerprint(r.future.get()); }, r.expected);
        break;
      }
      case 5: {
        auto& r = any(results);
        check([&] { return cluster.submit(fingerprint, r.future).get(); }, r.expected);
        break;
      }
      case 6: {
        auto& o = any(objects);
        if (views.size() < 2)
          views.emplace_back(cluster.view_data(o.handle), o.expected);
        else
          views.erase(views.begin());
        break;
      }
      case 7:
        if (random() % 2 == 0)
          objects.erase(objects.begin() + static_cast<std::ptrdiff_t>(random() % objects.size()));
        else
          results.erase(results.begin() + static_cast<std::ptrdiff_t>(random() % results.size()));
        break;
      case 8: {
        auto data = content(content_seed, 150'000); // an argument that goes through the store
        EXPECT_EQ(cluster.submit(fingerprint, data).get(), fingerprint(data));
        ++read;
        break;
      }
      }
      for (const auto& [view, expected] : views)
        EXPECT_EQ(fingerprint(view), expected);
    }
    for (auto& o : objects)
      EXPECT_EQ(fingerprint(cluster.gather_data(o.handle)), o.expected);
    for (auto& r : results)
      check([&] { return fingerprint(r.future.get()); }, r.expected);
  }
};

TEST_P(chaos, of_dying_nodes_harms_no_value_and_leaves_nothing) {
  std::thread killer{[&] { kill_nodes(GetParam()); }};
  std::vector<std::thread> threads;
  for (int i = 0; i < clients; ++i)
    threads.emplace_back([&, i] { be_a_client(GetParam() * 100 + static_cast<std::uint64_t>(i)); });
  for (auto& t : threads)
    t.join();
  over = true;
  killer.join();
  RecordProperty("killed", killed.load());
  RecordProperty("read", read.load());
  RecordProperty("lost", lost.load());
  EXPECT_GT(killed, 2);
  EXPECT_GT(read, clients * steps / 3);
  cluster.release();
  EXPECT_TRUE(eventually([&] { return cluster.objects().empty(); }));
  EXPECT_TRUE(eventually([&] {
    for (const auto& n : cluster.nodes())
      if (n.memory_bytes > 2'000'000 || n.disk_bytes != 0) // except the blocks that small objects are written to
        return false;
    return true;
  })) << "memory of objects that are gone";
}

INSTANTIATE_TEST_SUITE_P(seeds, chaos, testing::Values(1, 2, 3));

} // namespace
