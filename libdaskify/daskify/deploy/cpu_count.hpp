#pragma once

/// How many CPUs this process may really use, which on a shared machine or in a batch job is seldom all of
/// them.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// The smallest of what CPU affinity, control groups and, inside a job, SLURM_CPUS_ON_NODE allow; at least 1. Several
/// tasks of a step of srun share the CPUs of their node. Thread-safe, as long as no other thread changes the
/// environment.
unsigned usable_cpus();

/// The numbers of the CPUs that the calling thread may run on, in their order; empty when the system does not say.
std::vector<unsigned> affinity_cpus();

/// CPUs allowed by a control group's `cpu.max` (version 2), rounded down but at least 1; nothing for "max"
/// and for text that is not such a file's.
std::optional<unsigned> parse_cpu_max(std::string_view text);

/// The same for `cpu.cfs_quota_us` and `cpu.cfs_period_us` (version 1), where a quota of -1 is no limit.
std::optional<unsigned> parse_cfs_quota(std::string_view quota, std::string_view period);

/// The CPUs that SLURM gave the job on this node; nothing outside a job. Null stands for a variable not set.
std::optional<unsigned> slurm_cpus(const char* job_id, const char* cpus_on_node);

/// The folders of a process's control group and of all those above it, innermost first, from the texts of
/// `/proc/self/cgroup` and `/proc/self/mountinfo`. `controller` is one of version 1, or "" for version 2.
std::vector<std::filesystem::path> cgroup_folders(std::string_view cgroup, std::string_view mountinfo,
                                                  std::string_view controller);

/// `cgroup_folders` of this process.
std::vector<std::filesystem::path> own_cgroup_folders(std::string_view controller);

/// A file of the kernel's as text; empty when it cannot be read.
std::string read_small_file(const std::filesystem::path& file);

} // namespace daskify::internal
