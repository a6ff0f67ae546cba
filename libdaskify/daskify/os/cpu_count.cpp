#include "daskify/os/cpu_count.hpp"

#include "daskify/os/control_groups.hpp"
#include "daskify/text/split.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <limits>
#include <memory>
#include <sched.h>
#include <thread>

namespace daskify::internal {

namespace {

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t value = 0;
  auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size())
    return std::nullopt;
  return value;
}

unsigned clamp_to_count(std::uint64_t cpus) {
  return static_cast<unsigned>(std::clamp<std::uint64_t>(cpus, 1, std::numeric_limits<unsigned>::max()));
}

std::optional<unsigned> quota_cpus(std::string_view quota, std::string_view period) {
  auto quota_us = to_number(quota);
  auto period_us = to_number(period);
  if (!quota_us || !period_us || *period_us == 0)
    return std::nullopt;
  return clamp_to_count(*quota_us / *period_us);
}

/// The first word of a text, or "" if there is none.
std::string_view first_word(std::string_view text) {
  auto words = words_of(text, " \n");
  return words.empty() ? std::string_view{} : words.front();
}

} // namespace

std::vector<unsigned> affinity_cpus() {
  std::vector<unsigned> numbers;
  for (int most = 1024; most <= 1 << 20; most *= 2) {
    std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set{CPU_ALLOC(static_cast<std::size_t>(most)),
                                                         [](cpu_set_t* s) { CPU_FREE(s); }};
    auto size = CPU_ALLOC_SIZE(static_cast<std::size_t>(most));
    if (set && ::sched_getaffinity(0, size, set.get()) == 0) {
      for (unsigned cpu = 0; cpu < static_cast<unsigned>(most); ++cpu)
        if (CPU_ISSET_S(cpu, size, set.get()))
          numbers.push_back(cpu);
      break;
    }
    if (errno != EINVAL) // EINVAL: the kernel knows more CPUs than fit
      break;
  }
  return numbers;
}

unsigned allowed_cpus() {
  auto bound_to = affinity_cpus().size();
  unsigned cpus = bound_to != 0 ? clamp_to_count(bound_to) : std::max(1U, std::thread::hardware_concurrency());
  auto limit = [&](std::optional<unsigned> most) { cpus = std::min(cpus, most.value_or(cpus)); };
  for (const auto& folder : own_cgroup_folders(""))
    limit(parse_cpu_max(read_small_file(folder / "cpu.max")));
  for (const auto& folder : own_cgroup_folders("cpu"))
    limit(parse_cfs_quota(read_small_file(folder / "cpu.cfs_quota_us"), read_small_file(folder / "cpu.cfs_period_us")));
  return cpus;
}

std::optional<unsigned> parse_cpu_max(std::string_view text) {
  auto words = words_of(text, " \n");
  return words.size() == 2 ? quota_cpus(words[0], words[1]) : std::nullopt;
}

std::optional<unsigned> parse_cfs_quota(std::string_view quota, std::string_view period) {
  return quota_cpus(first_word(quota), first_word(period));
}

} // namespace daskify::internal
