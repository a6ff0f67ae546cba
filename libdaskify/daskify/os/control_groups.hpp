#pragma once

/// Locates and reads the files of this process's control groups.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// Returns the folders of a process's control group and of all its ancestors, innermost first, from the contents of
/// `/proc/self/cgroup` and `/proc/self/mountinfo`. `controller` is a controller of version 1, or "" for version 2.
std::vector<std::filesystem::path> cgroup_folders(std::string_view cgroup, std::string_view mountinfo,
                                                  std::string_view controller);

/// `cgroup_folders` of this process.
std::vector<std::filesystem::path> own_cgroup_folders(std::string_view controller);

/// Returns the contents of a file of the kernel; empty if it cannot be read.
std::string read_small_file(const std::filesystem::path& file);

/// Parses the number of processes killed for lack of memory from a control group's `memory.events` (version 2) or
/// `memory.oom_control` (version 1).
std::optional<std::uint64_t> parse_oom_kills(std::string_view text);

/// The same count for the control group of this process; nothing when there is no such file.
std::optional<std::uint64_t> oom_kills();

} // namespace daskify::internal
