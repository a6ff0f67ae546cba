#include "daskify/store/memory_room.hpp"

#include "daskify/error.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <vector>

namespace daskify::internal {

namespace {

/// The files of one cgroup version that tell its limit.
struct cgroup_files {
  const char* limit;
  const char* usage;
  const char* droppable; // line of memory.stat: file pages that are given up before anything is killed
};

constexpr cgroup_files version_1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr cgroup_files version_2{"memory.max", "memory.current", "inactive_file"};

/// One memory hierarchy: `mount` shows the cgroup `root` and all below it; `own` is the process's cgroup.
struct cgroup_mount {
  cgroup_files files;
  std::string mount;
  std::string root;
  std::string own;
};

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{})
    return std::nullopt;
  return value;
}

/// The number behind `name` in a text of "name number" lines.
std::optional<std::uint64_t> find_number(const std::string& text, std::string_view name) {
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string first, second;
    if (words >> first >> second && first == name)
      return parse_number(second);
  }
  return std::nullopt;
}

bool lists(std::string_view comma_separated, std::string_view word) {
  std::istringstream items{std::string{comma_separated}};
  for (std::string item; std::getline(items, item, ',');)
    if (item == word)
      return true;
  return false;
}

/// The process's own cgroup in a hierarchy, from lines "number:controllers:path".
std::optional<std::string> own_cgroup(const std::string& proc_self_cgroup, std::string_view controller) {
  std::istringstream lines{proc_self_cgroup};
  for (std::string line; std::getline(lines, line);) {
    auto first = line.find(':');
    auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos)
      continue;
    auto controllers = std::string_view{line}.substr(first + 1, second - first - 1);
    if (controller.empty() ? controllers.empty() : lists(controllers, controller))
      return line.substr(second + 1);
  }
  return std::nullopt;
}

std::vector<cgroup_mount> memory_hierarchies(const std::string& mountinfo, const std::string& cgroups) {
  std::vector<cgroup_mount> found;
  std::istringstream lines{mountinfo};
  for (std::string line; std::getline(lines, line);) {
    auto separator = line.find(" - ");
    if (separator == std::string::npos)
      continue;
    std::istringstream before{line.substr(0, separator)}, after{line.substr(separator + 3)};
    std::string id, parent, device, root, mount, type, source, options;
    before >> id >> parent >> device >> root >> mount;
    after >> type >> source >> options;
    if (type == "cgroup2") {
      if (auto own = own_cgroup(cgroups, ""))
        found.push_back({version_2, mount, root, *own});
    } else if (type == "cgroup" && lists(options, "memory")) {
      if (auto own = own_cgroup(cgroups, "memory"))
        found.push_back({version_1, mount, root, *own});
    }
  }
  return found;
}

/// The process's cgroup as seen below the mount: "" or "/a/b". A container may show only a part of the
/// hierarchy, so that the own path lies outside of it; then the mount itself is the closest thing to look at.
std::string path_below(const cgroup_mount& cgroup) {
  std::string_view own = cgroup.own;
  if (cgroup.root != "/") {
    if (!own.starts_with(cgroup.root))
      return "";
    own.remove_prefix(cgroup.root.size());
  }
  if (!own.starts_with('/') || own == "/" || own.find("/..") != std::string_view::npos)
    return "";
  return std::string{own};
}

std::optional<std::uint64_t> room_of(const std::string& folder, const cgroup_files& files,
                                     const file_reader& read) {
  auto limit_text = read(folder + "/" + files.limit);
  auto usage_text = read(folder + "/" + files.usage);
  auto limit = limit_text ? parse_number(*limit_text) : std::nullopt; // "max" is no number: no limit
  auto usage = usage_text ? parse_number(*usage_text) : std::nullopt;
  if (!limit || !usage)
    return std::nullopt;
  auto droppable = find_number(read(folder + "/memory.stat").value_or(""), files.droppable).value_or(0);
  auto used = *usage - std::min(*usage, droppable);
  return *limit - std::min(*limit, used);
}

} // namespace

std::optional<std::string> read_whole_file(const std::string& path) {
  std::ifstream file{path};
  if (!file)
    return std::nullopt;
  return std::string{std::istreambuf_iterator<char>{file}, {}};
}

memory_room free_memory(const file_reader& read) {
  memory_room room{std::numeric_limits<std::uint64_t>::max(), "the machine"};
  if (auto kibibytes = find_number(read("/proc/meminfo").value_or(""), "MemAvailable:"))
    room.bytes = *kibibytes * 1024;
  for (const auto& cgroup : memory_hierarchies(read("/proc/self/mountinfo").value_or(""),
                                               read("/proc/self/cgroup").value_or(""))) {
    for (auto path = path_below(cgroup);; path.erase(path.rfind('/'))) {
      if (auto bytes = room_of(cgroup.mount + path, cgroup.files, read); bytes && *bytes < room.bytes)
        room = {*bytes, "the cgroup " + (path.empty() ? "/" : path)};
      if (path.empty())
        break;
    }
  }
  return room;
}

void require_room(std::uint64_t bytes, std::string_view what, const memory_room& room) {
  if (bytes <= room.bytes - room.bytes / 16)
    return;
  throw data_error{error_code::no_room, std::string{what} + " needs " + format_bytes(bytes) + ", but " +
                                            room.limit + " has only " + format_bytes(room.bytes) +
                                            " of memory free: release data or ask for more memory"};
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024)
    return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  auto amount = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < units.size(); ++unit)
    amount /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", amount, units[unit]);
  return text.data();
}

} // namespace daskify::internal
