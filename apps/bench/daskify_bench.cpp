/// Measures daskify on this machine: one line per figure, `name value unit`.
///
/// Usage: daskify-bench [NAME...]   only the named figures; options of daskify as usual (--daskify.size 2).

#include "bench.hpp"

#include <daskify/daskify.hpp>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace {

using namespace bench;

int identity(int x) {
  return x;
}

int registered_identity(int x) {
  return x;
}
DASKIFY_FUNCTION(registered_identity)

constexpr int many = 5'000'000;

/// Seconds for tasks that do nothing, five million at once.
template <class F>
double time_of_many(daskify::daskified& cluster, F f) {
  return seconds_of([&] {
    auto futures = cluster.map(f, daskify::range(many));
    auto results = cluster.gather_data(futures);
    if (results.size() != many || results[many - 1] != many - 1)
      std::abort();
    cluster.release(futures);
  });
}

/// What a task costs.
void many_tasks(daskify::daskified& cluster) {
  std::vector<double> runs;
  for (int i = 0; i < 5; ++i)
    runs.push_back(time_of_many(cluster, identity));
  report("run_5M_noop", median(runs), "s");
  report("run_5M_noop_rate", many / median(runs) / 1e6, "M/s");
}

/// What it costs more where the function is registered, and called by its name. In turns, because the machine changes.
void many_registered(daskify::daskified& cluster) {
  daskify::named_function<int(int)> by_name{"registered_identity"};
  std::vector<double> ordinary, registered;
  for (int i = 0; i < 9; ++i) {
    ordinary.push_back(time_of_many(cluster, identity));
    registered.push_back(time_of_many(cluster, by_name));
  }
  report("run_5M_registered", median(registered), "s");
  report("run_5M_registered_ratio", median(registered) / median(ordinary), "of run_5M_noop");
}

/// One task, submitted and awaited.
void one_task(daskify::daskified& cluster) {
  std::vector<double> times;
  for (int i = 0; i < 2'000; ++i)
    times.push_back(seconds_of([&] { cluster.submit(identity, i).get(); }));
  report("submit_get_median", median(times) * 1e6, "us");
}

/// Tasks submitted one by one, and gathered together.
void many_submits(daskify::daskified& cluster) {
  constexpr int tasks = 50'000;
  std::vector<double> runs;
  for (int i = 0; i < 3; ++i)
    runs.push_back(seconds_of([&] {
      std::vector<daskify::future<int>> futures;
      for (int k = 0; k < tasks; ++k)
        futures.push_back(cluster.submit(identity, k));
      cluster.gather_data(futures);
    }));
  report("submit_rate", tasks / median(runs), "tasks/s");
}

/// From start_cluster to the first result.
void start(int argc, char** argv) {
  std::vector<double> runs;
  for (int i = 0; i < 5; ++i) {
    auto count = argc;
    std::vector<char*> copy(argv, argv + argc + 1);
    runs.push_back(seconds_of([&] {
      daskify::daskified cluster{count, copy.data(), {.size = 2}};
      cluster.start_cluster();
      cluster.submit(identity, 1).get();
    }));
  }
  report("start_to_first_result_and_end", median(runs) * 1e3, "ms");
  runs.clear();
  for (int i = 0; i < 5; ++i) {
    auto count = argc;
    std::vector<char*> copy(argv, argv + argc + 1);
    auto begin = steady::now();
    daskify::daskified cluster{count, copy.data(), {.size = 2}};
    cluster.start_cluster();
    cluster.submit(identity, 1).get();
    runs.push_back(std::chrono::duration<double>(steady::now() - begin).count());
  }
  report("start_to_first_result", median(runs) * 1e3, "ms");
}

} // namespace

int main(int argc, char** argv) {
  daskify::daskified cluster{argc, argv, {.size = 2}};
  auto wanted = [&](const std::string& name) {
    return argc == 1 || std::any_of(argv + 1, argv + argc, [&](const char* a) { return a == name; });
  };
  if (wanted("start"))
    start(argc, argv);
  cluster.start_cluster();
  if (wanted("many_tasks"))
    many_tasks(cluster);
  if (wanted("many_registered"))
    many_registered(cluster);
  if (wanted("one_task"))
    one_task(cluster);
  if (wanted("many_submits"))
    many_submits(cluster);
  cluster.shutdown_cluster();
  for (const auto& [name, measure] : bench::data_measures())
    if (wanted(name))
      measure(argv[0]);
}
