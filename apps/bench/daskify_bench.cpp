/// Measures daskify on this machine: one line per figure, `name value unit`.
///
/// Usage: daskify-bench [--small] [NAME...]   only the named measurements; options of daskify as usual
///                                            (--daskify.size 2). --small: minimal sizes, takes seconds.

#include "bench.hpp"

#include <daskify/daskify.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <set>
#include <string>
#include <utility>
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

/// Seconds for tasks that do nothing, submitted by one call.
template <class F>
double time_of_many(daskify::daskified& cluster, F f, int tasks) {
  return seconds_of([&] {
    auto futures = cluster.map(f, daskify::range(tasks));
    auto results = cluster.gather_data(futures);
    if (results.size() != static_cast<std::size_t>(tasks) || results.back() != tasks - 1)
      std::abort();
    cluster.release(futures);
  });
}

/// The cost of a task.
void many_tasks(daskify::daskified& cluster, const sizes& with) {
  std::vector<double> runs;
  for (int i = 0; i < with.rounds; ++i)
    runs.push_back(time_of_many(cluster, identity, with.tasks));
  auto name = "run_" + count_name(with.tasks) + "_noop";
  report(name, median(runs), "s");
  report(name + "_rate", with.tasks / median(runs) / 1e6, "M/s");
}

/// The cost of a registered function, called by its name. Alternates with ordinary calls, because the machine's speed
/// varies.
void many_registered(daskify::daskified& cluster, const sizes& with) {
  daskify::named_function<int(int)> by_name{"registered_identity"};
  std::vector<double> ordinary, registered;
  for (int i = 0; i < 2 * with.rounds - 1; ++i) {
    ordinary.push_back(time_of_many(cluster, identity, with.tasks));
    registered.push_back(time_of_many(cluster, by_name, with.tasks));
  }
  auto name = "run_" + count_name(with.tasks) + "_registered";
  report(name, median(registered), "s");
  report(name + "_ratio", median(registered) / median(ordinary), "of the same not registered");
}

/// One task, submitted and awaited.
void one_task(daskify::daskified& cluster, const sizes& with) {
  std::vector<double> times;
  for (int i = 0; i < with.single_tasks; ++i)
    times.push_back(seconds_of([&] { cluster.submit(identity, i).get(); }));
  report("submit_get_median", median(times) * 1e6, "us");
}

/// Tasks submitted one by one, and gathered together.
void many_submits(daskify::daskified& cluster, const sizes& with) {
  std::vector<double> runs;
  for (int i = 0; i < (with.rounds + 1) / 2; ++i)
    runs.push_back(seconds_of([&] {
      std::vector<daskify::future<int>> futures;
      for (int k = 0; k < with.submits; ++k)
        futures.push_back(cluster.submit(identity, k));
      cluster.gather_data(futures);
    }));
  report("submit_rate", with.submits / median(runs), "tasks/s");
}

/// The time from start_cluster to the first result, and to the end of the cluster.
void start(char* program, const sizes& with) {
  std::vector<double> first;
  std::vector<double> whole;
  for (int i = 0; i < with.rounds; ++i) {
    char* arguments[] = {program, nullptr};
    int count = 1;
    auto begin = steady::now();
    {
      daskify::daskified cluster{count, arguments, {.size = 2}};
      cluster.start_cluster();
      cluster.submit(identity, 1).get();
      first.push_back(seconds_since(begin));
    }
    whole.push_back(seconds_since(begin));
  }
  report("start_to_first_result_and_end", median(whole) * 1e3, "ms");
  report("start_to_first_result", median(first) * 1e3, "ms");
}

/// The measurements of tasks, by name; all on the same cluster.
using task_measure = void(daskify::daskified& cluster, const sizes& with);
const std::vector<std::pair<std::string, task_measure*>> task_measures{
    {"many_tasks", many_tasks},
    {"many_registered", many_registered},
    {"one_task", one_task},
    {"many_submits", many_submits},
};

/// The names on the command line, or all names.
std::set<std::string> wanted_names(const std::vector<std::string>& given) {
  std::set<std::string> all{"start"};
  for (const auto& [name, measure] : task_measures)
    all.insert(name);
  for (const auto& [name, measure] : data_measures())
    all.insert(name);
  std::set<std::string> wanted{given.begin(), given.end()};
  for (const auto& name : wanted)
    if (!all.contains(name)) {
      std::cerr << "daskify-bench: there is no measurement '" << name << "'; there are --small and";
      for (const auto& known : all)
        std::cerr << ' ' << known;
      std::cerr << '\n';
      std::exit(2);
    }
  return wanted.empty() ? all : wanted;
}

} // namespace

int main(int argc, char** argv) {
  daskify::daskified cluster{argc, argv, {.size = 2}};
  std::vector<std::string> given(argv + 1, argv + argc);
  auto with = std::erase(given, "--small") != 0 ? small_sizes() : sizes{};
  auto wanted = wanted_names(given);
  if (wanted.contains("start"))
    start(argv[0], with);
  cluster.start_cluster();
  for (const auto& [name, measure] : task_measures)
    if (wanted.contains(name))
      measure(cluster, with);
  cluster.shutdown_cluster();
  for (const auto& [name, measure] : data_measures())
    if (wanted.contains(name))
      measure(argv[0], with);
}
