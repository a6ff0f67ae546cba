#pragma once

/// Definitions shared by the measurements.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace bench {

using steady = std::chrono::steady_clock;

constexpr std::size_t mib = std::size_t{1} << 20;
constexpr std::size_t gib = std::size_t{1} << 30;

inline double seconds_of(const std::function<void()>& work) {
  auto begin = steady::now();
  work();
  return std::chrono::duration<double>(steady::now() - begin).count();
}

inline double seconds_since(steady::time_point begin) {
  return std::chrono::duration<double>(steady::now() - begin).count();
}

inline double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

inline void report(const std::string& name, double value, const char* unit) {
  std::printf("%-32s %12.4g %s\n", name.c_str(), value, unit);
  std::fflush(stdout);
}

/// Sizes of the measurements. They are part of the names of the figures.
struct sizes {
  int tasks = 5'000'000;            ///< tasks of one run
  int rounds = 5;                   ///< number of repetitions; the median is reported
  int single_tasks = 2'000;         ///< submitted and awaited one by one
  int submits = 50'000;             ///< submitted one by one and gathered together
  std::size_t data = gib;           ///< bytes of one object
  std::size_t large_data = 5 * gib; ///< bytes of one object that is sent to another node
  std::size_t store = 6 * gib;      ///< bytes that a node may hold of the large object
  std::vector<int> workers{2, 16, 64};
  int nodes = 9;
  int tasks_on_data = 200'000;
  std::size_t objects = 1'000'000;
};

/// Minimal sizes with one or two repetitions, to test the program also on slow machines. The figures are meaningless.
inline sizes small_sizes() {
  return {.tasks = 20'000,
          .rounds = 2,
          .single_tasks = 20,
          .submits = 200,
          .data = 4 * mib,
          .large_data = 10 * mib,
          .store = 32 * mib,
          .workers = {2, 3},
          .nodes = 3,
          .tasks_on_data = 2 * static_cast<int>(mib / sizeof(double)), // more than the number of elements
          .objects = 500};
}

/// "1GiB", "4MiB". REQUIRES: a whole number of these units.
inline std::string size_name(std::size_t bytes) {
  return bytes % gib == 0 ? std::to_string(bytes / gib) + "GiB" : std::to_string(bytes / mib) + "MiB";
}

/// "5M", "20k". REQUIRES: a whole number of these units.
inline std::string count_name(int count) {
  return count % 1'000'000 == 0 ? std::to_string(count / 1'000'000) + "M" : std::to_string(count / 1'000) + "k";
}

/// The measurements of data, by name; each starts its own clusters, as `program`.
using data_measure = void(char* program, const sizes& with);
const std::map<std::string, data_measure*>& data_measures();

} // namespace bench
