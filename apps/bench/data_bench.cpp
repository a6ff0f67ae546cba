/// What it costs to put data on a cluster, to use them there, and to get them back.

#include "bench.hpp"

#include <daskify/daskify.hpp>

#include <arpa/inet.h>
#include <bit>
#include <fstream>
#include <netinet/tcp.h>
#include <map>
#include <numeric>
#include <span>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace bench {

namespace {

constexpr std::size_t gib = std::size_t{1} << 30;
constexpr std::size_t numbers_per_gib = gib / sizeof(double);

void require(bool holds, const char* what) {
  if (holds)
    return;
  std::fprintf(stderr, "daskify-bench: %s\n", what);
  std::abort();
}

daskify::daskified make_cluster(char* program, daskify::options with) {
  char* arguments[] = {program, nullptr};
  int count = 1;
  daskify::daskified cluster{count, arguments, with};
  cluster.start_cluster();
  return cluster;
}

std::vector<double> a_gib_of_numbers() {
  std::vector<double> data(numbers_per_gib);
  std::iota(data.begin(), data.end(), 0.0);
  return data;
}

double copy_seconds(const std::vector<double>& data) {
  return seconds_of([&] {
    std::vector<double> copy{data};
    require(copy.back() == data.back(), "a copy differs");
  });
}

/// The number behind `name` in a file of lines "name: number kB", in bytes.
double bytes_in(const std::string& file, const std::string& name) {
  std::ifstream lines{file};
  std::string word;
  double value = 0;
  while (lines >> word)
    if (word == name && lines >> value)
      return value * 1024;
  return 0;
}

/// Memory of a cluster: what its processes have for themselves, and all shared memory of this machine.
double memory_of(const daskify::daskified& cluster) {
  auto sum = bytes_in("/proc/meminfo", "Shmem:") + bytes_in("/proc/self/status", "RssAnon:");
  for (const auto& w : cluster.workers())
    sum += bytes_in("/proc/" + std::to_string(w.pid) + "/status", "RssAnon:");
  return sum;
}

/// A task on each worker, near enough: so many, at the same time, that each has one.
double look_everywhere(daskify::daskified& cluster, const daskify::scattered<std::vector<double>>& data, int workers) {
  auto last = cluster.gather_data(cluster.run(
      [](std::span<const double> all, int) {
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
        return all.back();
      },
      daskify::args(data), daskify::iterables(daskify::range(workers))));
  return last.front();
}

/// 1 GiB to the workers of one node, next to the copy constructor of its vector.
void scatter(char* program) {
  auto data = a_gib_of_numbers();
  for (int workers : {2, 16, 64}) {
    auto cluster = make_cluster(program, {.size = workers});
    std::vector<double> copies;
    std::vector<double> scatters;
    auto before = memory_of(cluster);
    for (int i = 0; i < 5; ++i) {
      copies.push_back(copy_seconds(data));
      scatters.push_back(seconds_of([&] { auto handle = cluster.scatter_data(data); }));
    }
    auto kept = cluster.scatter_data(data);
    require(look_everywhere(cluster, kept, workers) == data.back(), "a task saw other data");
    auto grown = (memory_of(cluster) - before) / gib;
    auto name = "scatter_1GiB_" + std::to_string(workers) + "_workers";
    report((name + "_vs_copy").c_str(), median(scatters) / median(copies), "x");
    report((name + "_memory").c_str(), grown, "GiB");
  }
}

/// The same back, as a value and as a view.
void gather(char* program) {
  auto data = a_gib_of_numbers();
  auto cluster = make_cluster(program, {.size = 2});
  auto kept = cluster.scatter_data(data);
  std::vector<double> copies;
  std::vector<double> gathers;
  std::vector<double> views;
  for (int i = 0; i < 5; ++i) {
    copies.push_back(copy_seconds(data));
    gathers.push_back(
        seconds_of([&] { require(cluster.gather_data(kept).back() == data.back(), "gathered other data"); }));
    views.push_back(seconds_of([&] { require(cluster.view_data(kept)[0] == data[0], "a view of other data"); }));
  }
  report("gather_1GiB_vs_copy", median(gathers) / median(copies), "x");
  report("view_1GiB", median(views) * 1e6, "us");
}

/// Tasks on scattered data of any size: the first one of a run, and each further one.
void data_tasks(char* program) {
  auto cluster = make_cluster(program, {.size = 1});
  for (std::size_t mib : {1, 1024}) {
    auto data = cluster.scatter_data(std::vector<double>(mib * (std::size_t{1} << 20) / sizeof(double), 1.0));
    std::vector<double> first;
    for (int i = 0; i < 50; ++i)
      first.push_back(
          seconds_of([&] { cluster.submit([](std::span<const double> all) { return all.size(); }, data).get(); }));
    constexpr int tasks = 200'000;
    auto all = seconds_of([&] {
      cluster.gather_data(cluster.run([](std::span<const double> x, int i) { return x[static_cast<std::size_t>(i)]; },
                                      daskify::args(data), daskify::iterables(daskify::range(tasks))));
    });
    auto name = "task_on_" + std::to_string(mib) + "MiB";
    report((name + "_alone").c_str(), median(first) * 1e6, "us");
    report((name + "_each").c_str(), all / tasks * 1e6, "us");
  }
}

/// 1 GiB through a TCP connection over loopback, from memory and into one buffer: nothing can be faster.
double raw_tcp_seconds(const std::vector<double>& data) {
  int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  require(::bind(listener, generic, length) == 0 && ::listen(listener, 1) == 0 &&
              ::getsockname(listener, generic, &length) == 0,
          "no raw TCP");
  int sender = ::socket(AF_INET, SOCK_STREAM, 0);
  require(::connect(sender, generic, length) == 0, "no raw TCP");
  int receiver = ::accept(listener, nullptr, nullptr);
  auto bytes = std::as_bytes(std::span{data});
  auto seconds = seconds_of([&] {
    std::thread send{[&] {
      for (std::size_t at = 0; at < bytes.size();) {
        auto count = ::send(sender, bytes.data() + at, std::min<std::size_t>(bytes.size() - at, 1 << 20), 0);
        require(count > 0, "raw TCP broke");
        at += static_cast<std::size_t>(count);
      }
    }};
    std::vector<std::byte> buffer(1 << 20);
    for (std::size_t at = 0; at < bytes.size();) {
      auto count = ::recv(receiver, buffer.data(), buffer.size(), 0);
      require(count > 0, "raw TCP broke");
      at += static_cast<std::size_t>(count);
    }
    send.join();
  });
  for (int fd : {listener, sender, receiver})
    ::close(fd);
  return seconds;
}

/// Of the time to bring 1 GiB to the other nodes of a cluster, the median of some.
double spread_seconds(daskify::daskified& cluster, const std::vector<double>& data,
                      const std::function<void()>& between) {
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    between();
    auto handle = cluster.scatter_data(data);
    times.push_back(seconds_of([&] { cluster.broadcast_data(handle); }));
  }
  return median(times);
}

/// 1 GiB to one more node, and to eight, next to a raw stream.
void nodes(char* program) {
  auto data = a_gib_of_numbers();
  std::vector<double> raw;
  double one = 0;
  {
    auto cluster = make_cluster(program, {.size = 2, .nodes = 2});
    one = spread_seconds(cluster, data, [&] { raw.push_back(raw_tcp_seconds(data)); });
    report("raw_tcp_1GiB", 1.073741824 / median(raw), "GB/s");
    report("second_node_1GiB", 1.073741824 / one, "GB/s");
    report("second_node_1GiB_vs_raw", median(raw) / one, "x");
  }
  auto cluster = make_cluster(program, {.size = 9, .nodes = 9});
  std::uint64_t sent = 0;
  std::vector<double> times;
  for (int i = 0; i < 3; ++i) {
    auto handle = cluster.scatter_data(data);
    auto before = cluster.nodes().front().sent_bytes;
    times.push_back(seconds_of([&] { cluster.broadcast_data(handle); }));
    sent = std::max(sent, cluster.nodes().front().sent_bytes - before);
  }
  report("eight_nodes_1GiB", median(times), "s");
  report("eight_nodes_1GiB_vs_8_copies", median(times) / (8 * one), "x");
  report("eight_nodes_1GiB_client_sent", static_cast<double>(sent) / gib, "copies");
}

std::uint64_t fingerprint(std::span<const std::uint64_t> all) {
  std::uint64_t sum = 0;
  for (auto x : all)
    sum = (std::rotl(sum, 5) ^ x) * 0x9e3779b97f4a7c15ULL;
  return sum;
}

/// 5 GiB, to another node.
void five_gib(char* program) {
  auto cluster = make_cluster(program, {.size = 2, .nodes = 2, .store_limit = static_cast<std::int64_t>(6 * gib)});
  auto room = cluster.new_data<std::uint64_t>(5 * gib / sizeof(std::uint64_t));
  std::uint64_t x = 1;
  for (auto& value : room.values())
    value = x = x * 6364136223846793005ULL + 1442695040888963407ULL;
  auto expected = fingerprint(room.values());
  auto data = cluster.scatter_data(std::move(room));
  auto took = seconds_of([&] { cluster.broadcast_data(data); });
  auto seen = cluster.gather_data(cluster.run([](std::span<const std::uint64_t> all, int) { return fingerprint(all); },
                                              daskify::args(data), daskify::iterables(daskify::range(2))));
  require(seen[0] == expected && seen[1] == expected, "5 GiB did not arrive as they left");
  report("second_node_5GiB", 5 * 1.073741824 / took, "GB/s");
}

/// A million objects of up to 200 bytes.
void small_objects(char* program) {
  constexpr std::size_t count = 1'000'000;
  auto cluster = make_cluster(program, {.size = 2});
  auto text = [](std::size_t i) { return std::string(i % 200, static_cast<char>(i % 251)); };
  std::vector<daskify::scattered<std::string>> handles;
  handles.reserve(count);
  auto before = memory_of(cluster);
  auto put = seconds_of([&] {
    for (std::size_t i = 0; i < count; ++i)
      handles.push_back(cluster.scatter_data(text(i)));
    require(cluster.gather_data(handles.back()) == text(count - 1), "a small object differs");
  });
  auto grown = memory_of(cluster) - before;
  auto get = seconds_of([&] {
    auto gathered = cluster.gather_data(handles);
    for (std::size_t i = 0; i < count; ++i)
      require(gathered[i] == text(i), "a small object differs");
  });
  auto released = seconds_of([&] {
    handles.clear();
    require(cluster.objects().empty(), "an object was not released");
  });
  report("small_objects_put", count / put, "1/s");
  report("small_objects_get", count / get, "1/s");
  report("small_objects_released", count / released, "1/s");
  report("small_objects_memory_each", grown / count, "bytes");
}

} // namespace

const std::map<std::string, std::function<void(char*)>>& data_measures() {
  static const std::map<std::string, std::function<void(char*)>> all{
      {"scatter", scatter}, {"gather", gather},     {"data_tasks", data_tasks},
      {"nodes", nodes},     {"five_gib", five_gib}, {"small_objects", small_objects},
  };
  return all;
}

} // namespace bench
