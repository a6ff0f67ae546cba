#pragma once

/// What the measurements share.

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

inline double seconds_of(const std::function<void()>& work) {
  auto begin = steady::now();
  work();
  return std::chrono::duration<double>(steady::now() - begin).count();
}

inline double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

inline void report(const char* name, double value, const char* unit) {
  std::printf("%-32s %12.4g %s\n", name, value, unit);
  std::fflush(stdout);
}

/// The measurements of data, by name; each starts clusters of its own, as `program`.
const std::map<std::string, std::function<void(char* program)>>& data_measures();

} // namespace bench
