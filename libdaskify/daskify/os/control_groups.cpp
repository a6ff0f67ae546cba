#include "daskify/os/control_groups.hpp"

#include "daskify/text/split.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>

namespace daskify::internal {

namespace {

bool contains(std::string_view comma_list, std::string_view name) {
  auto names = words_of(comma_list, ",");
  return std::find(names.begin(), names.end(), name) != names.end();
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
  for (auto line : words_of(cgroup, "\n")) {
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
  for (auto line : words_of(mountinfo, "\n")) {
    auto dash = line.find(" - ");
    if (dash == line.npos)
      continue;
    auto head = words_of(line.substr(0, dash), " ");
    auto tail = words_of(line.substr(dash + 3), " ");
    if (head.size() < 5 || tail.size() < 3)
      continue;
    if (controller.empty() ? tail[0] == "cgroup2" : tail[0] == "cgroup" && contains(tail[2], controller))
      return mount{unescape(head[3]), unescape(head[4])};
  }
  return std::nullopt;
}

} // namespace

std::vector<std::filesystem::path> cgroup_folders(std::string_view cgroup, std::string_view mountinfo,
                                                  std::string_view controller) {
  auto path = cgroup_of(cgroup, controller);
  auto mounted = mount_of(mountinfo, controller);
  if (!path || !mounted)
    return {};
  auto below = path->lexically_relative(mounted->root);
  if (below.empty() || below == "." || *below.begin() == "..")
    return {mounted->point}; // the group lies outside the mount, so only the mount itself is visible
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

std::optional<std::uint64_t> parse_oom_kills(std::string_view text) {
  constexpr std::string_view key = "oom_kill ";
  for (std::size_t begin = 0; begin < text.size();) {
    auto end = std::min(text.find('\n', begin), text.size());
    auto line = text.substr(begin, end - begin);
    std::uint64_t count = 0;
    if (line.starts_with(key)) {
      auto [stop, error] = std::from_chars(line.data() + key.size(), line.data() + line.size(), count);
      if (error == std::errc{} && stop == line.data() + line.size())
        return count;
    }
    begin = end + 1;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> oom_kills() {
  for (auto [controller, file] : {std::pair{"", "memory.events"}, std::pair{"memory", "memory.oom_control"}})
    for (const auto& folder : own_cgroup_folders(controller))
      if (auto count = parse_oom_kills(read_small_file(folder / file)))
        return count;
  return std::nullopt;
}

} // namespace daskify::internal
