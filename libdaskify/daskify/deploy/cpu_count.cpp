#include "daskify/deploy/cpu_count.hpp"

#include "daskify/deploy/slurm_step.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <sched.h>
#include <thread>

namespace daskify::internal {

namespace {

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (true) {
    auto begin = text.find_first_not_of(separators);
    if (begin == text.npos)
      return parts;
    auto end = std::min(text.find_first_of(separators, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    text.remove_prefix(end);
  }
}

bool contains(std::string_view comma_list, std::string_view name) {
  auto names = split(comma_list, ",");
  return std::find(names.begin(), names.end(), name) != names.end();
}

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

/// The first word of a text, or nothing but "".
std::string_view first_word(std::string_view text) {
  auto words = split(text, " \n");
  return words.empty() ? std::string_view{} : words.front();
}

/// mountinfo writes blanks and backslashes in paths as a backslash and three octal digits.
std::string unescape(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    auto digits = text.substr(i + 1, 3);
    if (text[i] == '\\' && digits.size() == 3 &&
        std::from_chars(digits.data(), digits.data() + 3, value, 8).ptr == digits.data() + 3) {
      result += static_cast<char>(value);
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

/// The path of the process within the hierarchy of `controller`.
std::optional<std::filesystem::path> cgroup_of(std::string_view cgroup, std::string_view controller) {
  for (auto line : split(cgroup, "\n")) {
    auto first = line.find(':');
    auto second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos)
      continue;
    auto controllers = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? controllers.empty() : contains(controllers, controller))
      return line.substr(second + 1);
  }
  return std::nullopt;
}

struct mount {
  std::filesystem::path root; ///< the part of the hierarchy that is visible
  std::filesystem::path point;
};

std::optional<mount> mount_of(std::string_view mountinfo, std::string_view controller) {
  for (auto line : split(mountinfo, "\n")) {
    auto dash = line.find(" - ");
    if (dash == line.npos)
      continue;
    auto head = split(line.substr(0, dash), " ");
    auto tail = split(line.substr(dash + 3), " ");
    if (head.size() < 5 || tail.size() < 3)
      continue;
    if (controller.empty() ? tail[0] == "cgroup2" : tail[0] == "cgroup" && contains(tail[2], controller))
      return mount{unescape(head[3]), unescape(head[4])};
  }
  return std::nullopt;
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

unsigned usable_cpus() {
  auto bound_to = affinity_cpus().size();
  unsigned cpus = bound_to != 0 ? clamp_to_count(bound_to) : std::max(1U, std::thread::hardware_concurrency());
  auto limit = [&](std::optional<unsigned> most) { cpus = std::min(cpus, most.value_or(cpus)); };
  for (const auto& folder : own_cgroup_folders(""))
    limit(parse_cpu_max(read_small_file(folder / "cpu.max")));
  for (const auto& folder : own_cgroup_folders("cpu"))
    limit(parse_cfs_quota(read_small_file(folder / "cpu.cfs_quota_us"), read_small_file(folder / "cpu.cfs_period_us")));
  auto read = [](const char* name) { return std::getenv(name); };
  auto of_job = slurm_cpus(read("SLURM_JOB_ID"), read("SLURM_CPUS_ON_NODE"));
  if (auto step = read_slurm_step(read); of_job && step)
    of_job = clamp_to_count(*of_job / step->tasks_here);
  limit(of_job);
  return cpus;
}

std::optional<unsigned> parse_cpu_max(std::string_view text) {
  auto words = split(text, " \n");
  return words.size() == 2 ? quota_cpus(words[0], words[1]) : std::nullopt;
}

std::optional<unsigned> parse_cfs_quota(std::string_view quota, std::string_view period) {
  return quota_cpus(first_word(quota), first_word(period));
}

std::optional<unsigned> slurm_cpus(const char* job_id, const char* cpus_on_node) {
  if (job_id == nullptr || cpus_on_node == nullptr)
    return std::nullopt;
  auto cpus = to_number(cpus_on_node);
  return cpus && *cpus != 0 ? std::optional{clamp_to_count(*cpus)} : std::nullopt;
}

std::vector<std::filesystem::path> cgroup_folders(std::string_view cgroup, std::string_view mountinfo,
                                                  std::string_view controller) {
  auto path = cgroup_of(cgroup, controller);
  auto mounted = mount_of(mountinfo, controller);
  if (!path || !mounted)
    return {};
  auto below = path->lexically_relative(mounted->root);
  if (below.empty() || below == "." || *below.begin() == "..")
    return {mounted->point}; // of a group that lies outside of what is mounted, the mount is all we can see
  std::vector<std::filesystem::path> folders;
  auto folder = mounted->point / below;
  for (; folder != mounted->point; folder = folder.parent_path())
    folders.push_back(folder);
  folders.push_back(folder);
  return folders;
}

std::vector<std::filesystem::path> own_cgroup_folders(std::string_view controller) {
  return cgroup_folders(read_small_file("/proc/self/cgroup"), read_small_file("/proc/self/mountinfo"), controller);
}

std::string read_small_file(const std::filesystem::path& file) {
  std::ifstream stream{file};
  return {std::istreambuf_iterator<char>{stream}, {}};
}

} // namespace daskify::internal
