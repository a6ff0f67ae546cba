#pragma once

/// How many CPUs the system lets this process use, which on a shared machine is seldom all of them.

#include <optional>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// The minimum of the limits that CPU affinity and control groups set for this process; at least 1. Thread-safe.
unsigned allowed_cpus();

/// The numbers of the CPUs that the calling thread may run on, in ascending order; empty if the system does not report
/// them.
std::vector<unsigned> affinity_cpus();

/// CPUs allowed by a control group's `cpu.max` (version 2), rounded down but at least 1; nothing for "max" and for
/// malformed text.
std::optional<unsigned> parse_cpu_max(std::string_view text);

/// The same for `cpu.cfs_quota_us` and `cpu.cfs_period_us` (version 1), where a quota of -1 is no limit.
std::optional<unsigned> parse_cfs_quota(std::string_view quota, std::string_view period);

} // namespace daskify::internal
