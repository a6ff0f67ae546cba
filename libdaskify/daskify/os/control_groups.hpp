#pragma once

/// Where the kernel keeps the figures of this process's control groups.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// The folders of a process's control group and of all those above it, innermost first, from the texts of
/// `/proc/self/cgroup` and `/proc/self/mountinfo`. `controller` is one of version 1, or "" for version 2.
std::vector<std::filesystem::path> cgroup_folders(std::string_view cgroup, std::string_view mountinfo,
                                                  std::string_view controller);

/// `cgroup_folders` of this process.
std::vector<std::filesystem::path> own_cgroup_folders(std::string_view controller);

/// A file of the kernel's as text; empty when it cannot be read.
std::string read_small_file(const std::filesystem::path& file);

/// The count of processes killed for want of memory in a control group's `memory.events` (version 2) or
/// `memory.oom_control` (version 1).
std::optional<std::uint64_t> parse_oom_kills(std::string_view text);

/// The same count for the control group of this process; nothing when there is no such file.
std::optional<std::uint64_t> oom_kills();

} // namespace daskify::internal
