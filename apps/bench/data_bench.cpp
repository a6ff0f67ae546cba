/// Measures the cost of scattering data, using them in tasks, and gathering them.

#include "bench.hpp"

#include <daskify/daskify.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <bit>
#include <fstream>
#include <functional>
#include <map>
#include <netinet/tcp.h>
#include <numeric>
#include <span>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace bench {

namespace {

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

std::vector<double> numbers_of(std::size_t bytes) {
  std::vector<double> data(bytes / sizeof(double));
  std::iota(data.begin(), data.end(), 0.0);
  return data;
}

double copy_seconds(const std::vector<double>& data) {
  return seconds_of([&] {
    std::vector<double> copy{data};
    require(copy.back() == data.back(), "a copy differs");
  });
}

/// The number after `name` in a file of lines "name: number kB", in bytes.
double bytes_in(const std::string& file, const std::string& name) {
  std::ifstream lines{file};
  std::string word;
  double value = 0;
  while (lines >> word)
    if (word == name && lines >> value)
      return value * 1024;
  return 0;
}

/// Memory of a cluster in bytes: the anonymous memory of its processes, and all shared memory of this machine.
double memory_of(const daskify::daskified& cluster) {
  auto sum = bytes_in("/proc/meminfo", "Shmem:") + bytes_in("/proc/self/status", "RssAnon:");
  for (const auto& w : cluster.workers())
    sum += bytes_in("/proc/" + std::to_string(w.pid) + "/status", "RssAnon:");
  return sum;
}

/// Runs approximately one task on each worker: as many tasks as workers, at the same time.
double look_everywhere(daskify::daskified& cluster, const daskify::scattered<std::vector<double>>& data, int workers) {
  auto last = cluster.gather_data(cluster.run(
      [](std::span<const double> all, int) {
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
        return all.back();
      },
      daskify::args(data), daskify::iterables(daskify::range(workers))));
  return last.front();
}

/// 1 GiB to the workers of one node, compared with the copy constructor of its vector.
void scatter(char* program, const sizes& with) {
  auto data = numbers_of(with.data);
  for (int workers : with.workers) {
    auto cluster = make_cluster(program, {.size = workers});
    std::vector<double> copies;
    std::vector<double> scatters;
    auto before = memory_of(cluster);
    for (int i = 0; i < with.rounds; ++i) {
      copies.push_back(copy_seconds(data));
      scatters.push_back(seconds_of([&] { auto handle = cluster.scatter_data(data); }));
    }
    auto kept = cluster.scatter_data(data);
    require(look_everywhere(cluster, kept, workers) == data.back(), "a task saw other data");
    auto grown = (memory_of(cluster) - before) / gib;
    auto name = "scatter_" + size_name(with.data) + "_" + std::to_string(workers) + "_workers";
    report(name + "_vs_copy", median(scatters) / median(copies), "x");
    report(name + "_memory", grown, "GiB");
  }
}

/// Gathers the same data, as a value and as a view.
void gather(char* program, const sizes& with) {
  auto data = numbers_of(with.data);
  auto cluster = make_cluster(program, {.size = 2});
  auto kept = cluster.scatter_data(data);
  std::vector<double> copies;
  std::vector<double> gathers;
  std::vector<double> views;
  for (int i = 0; i < with.rounds; ++i) {
    copies.push_back(copy_seconds(data));
    gathers.push_back(
        seconds_of([&] { require(cluster.gather_data(kept).back() == data.back(), "gathered other data"); }));
    views.push_back(seconds_of([&] { require(cluster.view_data(kept)[0] == data[0], "a view of other data"); }));
  }
  report("gather_" + size_name(with.data) + "_vs_copy", median(gathers) / median(copies), "x");
  report("view_" + size_name(with.data), median(views) * 1e6, "us");
}

/// Tasks on scattered data of different sizes: the first task of a run, and each further one.
void data_tasks(char* program, const sizes& with) {
  auto cluster = make_cluster(program, {.size = 1});
  for (std::size_t bytes : {mib, with.data}) {
    auto data = cluster.scatter_data(std::vector<double>(bytes / sizeof(double), 1.0));
    std::vector<double> first;
    for (int i = 0; i < 10 * with.rounds; ++i)
      first.push_back(
          seconds_of([&] { cluster.submit([](std::span<const double> all) { return all.size(); }, data).get(); }));
    auto all = seconds_of([&] {
      auto read =
          cluster.gather_data(cluster.run([](std::span<const double> x, std::size_t i) { return x[i % x.size()]; },
                                          daskify::args(data), daskify::iterables(daskify::range(with.tasks_on_data))));
      require(read.back() == 1.0, "a task read other data");
    });
    auto name = "task_on_" + std::to_string(bytes / mib) + "MiB";
    report(name + "_alone", median(first) * 1e6, "us");
    report(name + "_each", all / with.tasks_on_data * 1e6, "us");
  }
}

/// Sends 1 GiB through a TCP connection over loopback, from memory and into one buffer: an upper limit of the speed.
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

/// Median time to broadcast 1 GiB to the other nodes of a cluster.
double spread_seconds(daskify::daskified& cluster, const std::vector<double>& data, int rounds,
                      const std::function<void()>& between) {
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    between();
    auto handle = cluster.scatter_data(data);
    times.push_back(seconds_of([&] { cluster.broadcast_data(handle); }));
  }
  return median(times);
}

/// 1 GiB to one more node, and to eight, compared with a raw stream.
void nodes(char* program, const sizes& with) {
  auto data = numbers_of(with.data);
  auto gigabytes = static_cast<double>(with.data) / 1e9;
  auto size = size_name(with.data);
  std::vector<double> raw;
  double one = 0;
  {
    auto cluster = make_cluster(program, {.size = 2, .nodes = 2});
    one = spread_seconds(cluster, data, with.rounds, [&] { raw.push_back(raw_tcp_seconds(data)); });
    report("raw_tcp_" + size, gigabytes / median(raw), "GB/s");
    report("second_node_" + size, gigabytes / one, "GB/s");
    report("second_node_" + size + "_vs_raw", median(raw) / one, "x");
  }
  auto cluster = make_cluster(program, {.size = with.nodes, .nodes = with.nodes});
  std::uint64_t sent = 0;
  std::vector<double> times;
  for (int i = 0; i < 3; ++i) {
    auto handle = cluster.scatter_data(data);
    auto before = cluster.nodes().front().sent_bytes;
    times.push_back(seconds_of([&] { cluster.broadcast_data(handle); }));
    sent = std::max(sent, cluster.nodes().front().sent_bytes - before);
  }
  auto others = with.nodes - 1;
  auto name = (others == 8 ? "eight" : std::to_string(others)) + "_nodes_" + size;
  report(name, median(times), "s");
  report(name + "_vs_" + std::to_string(others) + "_copies", median(times) / (others * one), "x");
  report(name + "_client_sent", static_cast<double>(sent) / static_cast<double>(with.data), "copies");
}

std::uint64_t fingerprint(std::span<const std::uint64_t> all) {
  std::uint64_t sum = 0;
  for (auto x : all)
    sum = (std::rotl(sum, 5) ^ x) * 0x9e3779b97f4a7c15ULL;
  return sum;
}

/// 5 GiB, to another node.
void five_gib(char* program, const sizes& with) {
  auto cluster = make_cluster(program, {.size = 2, .nodes = 2, .store_limit = static_cast<std::int64_t>(with.store)});
  auto room = cluster.new_data<std::uint64_t>(with.large_data / sizeof(std::uint64_t));
  std::uint64_t x = 1;
  for (auto& value : room.values())
    value = x = x * 6364136223846793005ULL + 1442695040888963407ULL;
  auto expected = fingerprint(room.values());
  auto data = cluster.scatter_data(std::move(room));
  auto took = seconds_of([&] { cluster.broadcast_data(data); });
  auto seen = cluster.gather_data(cluster.run([](std::span<const std::uint64_t> all, int) { return fingerprint(all); },
                                              daskify::args(data), daskify::iterables(daskify::range(2))));
  require(seen[0] == expected && seen[1] == expected, "the large object did not arrive as it left");
  report("second_node_" + size_name(with.large_data), static_cast<double>(with.large_data) / 1e9 / took, "GB/s");
}

/// A million objects of up to 200 bytes.
void small_objects(char* program, const sizes& with) {
  auto count = with.objects;
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
  auto objects = static_cast<double>(count);
  report("small_objects_put", objects / put, "1/s");
  report("small_objects_get", objects / get, "1/s");
  report("small_objects_released", objects / released, "1/s");
  report("small_objects_memory_each", grown / objects, "bytes");
}

} // namespace

const std::map<std::string, data_measure*>& data_measures() {
  static const std::map<std::string, data_measure*> all{
      {"scatter", scatter}, {"gather", gather},     {"data_tasks", data_tasks},
      {"nodes", nodes},     {"five_gib", five_gib}, {"small_objects", small_objects},
  };
  return all;
}

} // namespace bench
