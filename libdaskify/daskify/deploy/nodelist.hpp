#pragma once

/// Nodes and tasks of a job, as SLURM writes them in its variables and in the output of its commands. All functions
/// here are pure and thread-safe.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// More nodes, or tasks, than this are not believed.
inline constexpr std::size_t most_nodes = 1U << 16;

/// The names in a list such as `n[1-2,05-07],login` or `rack[1-2]n[1-4]` (SLURM_JOB_NODELIST, %N of squeue), in
/// SLURM's order; none for an empty one. Throws config_error (bad_option_value) for any other text and for more than
/// `most` names.
std::vector<std::string> expand_nodelist(std::string_view list, std::size_t most = most_nodes);

/// The number of tasks on each node, from `4,2` or `3(x2),1` (SLURM_TASKS_PER_NODE and SLURM_JOB_CPUS_PER_NODE). Throws
/// like `expand_nodelist`.
std::vector<std::size_t> expand_tasks_per_node(std::string_view list, std::size_t most = most_nodes);

} // namespace daskify::internal
