#include "daskify/os/free_memory.hpp"

#include "daskify/defaults.hpp"
#include "daskify/error.hpp"
#include "daskify/os/control_groups.hpp"
#include "daskify/text/byte_count.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <sstream>

namespace daskify::internal {

namespace {

/// The memory files of one version of control groups.
struct group_files {
  const char* controller; // as cgroup_folders takes it
  const char* limit;
  const char* usage;
  const char* droppable; // line of memory.stat: file pages that the kernel reclaims before it kills a process
};

constexpr std::array group_versions{
    group_files{"memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"},
    group_files{"", "memory.max", "memory.current", "inactive_file"},
};

/// The number at the beginning of a text; nothing for other texts, such as "max".
std::optional<std::uint64_t> leading_number(const std::string& text) {
  std::uint64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{})
    return std::nullopt;
  return value;
}

/// The number behind `name` in a text of "name number" lines.
std::optional<std::uint64_t> number_of(std::string_view name, const std::string& text) {
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string first, second;
    if (words >> first >> second && first == name)
      return leading_number(second);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> room_of_group(const std::filesystem::path& folder, const group_files& files,
                                           const file_reader& read) {
  auto limit = leading_number(read(folder / files.limit));
  auto usage = leading_number(read(folder / files.usage));
  if (!limit || !usage)
    return std::nullopt;
  auto droppable = number_of(files.droppable, read(folder / "memory.stat")).value_or(0);
  auto needed = *usage - std::min(*usage, droppable);
  return *limit - std::min(*limit, needed);
}

} // namespace

memory_room free_memory(const file_reader& read) {
  memory_room room{std::numeric_limits<std::uint64_t>::max(), "the machine"};
  if (auto kibibytes = number_of("MemAvailable:", read("/proc/meminfo")))
    room.bytes = *kibibytes * 1024;
  auto own = read("/proc/self/cgroup");
  auto mounts = read("/proc/self/mountinfo");
  for (const auto& files : group_versions)
    for (const auto& folder : cgroup_folders(own, mounts, files.controller))
      if (auto bytes = room_of_group(folder, files, read); bytes && *bytes < room.bytes)
        room = {*bytes, "the control group " + folder.string()};
  return room;
}

void require_room(std::uint64_t bytes, std::string_view what, const memory_room& room) {
  if (bytes > room.bytes - room.bytes / 16)
    throw data_error{error_code::no_room, std::string{what} + " needs " + format_bytes(bytes) + ", but " + room.limit +
                                              " has only " + format_bytes(room.bytes) +
                                              " of memory left: release data or ask for more memory"};
}

std::uint64_t share_for_stores(std::uint64_t free_bytes) {
  auto share = tuning::store_share * static_cast<double>(free_bytes);
  return std::max(limits::smallest_store, static_cast<std::uint64_t>(share));
}

} // namespace daskify::internal
