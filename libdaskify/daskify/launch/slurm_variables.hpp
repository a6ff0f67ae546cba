#pragma once

/// Reads the variables of SLURM about the job, and the step of srun, that a process belongs to. All functions here are
/// pure and thread-safe.

#include "daskify/os/environment.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace daskify::internal {

/// SLURM's unit of memory.
inline constexpr std::uint64_t mebibyte = 1U << 20;

/// The job of a process.
struct batch_job {
  std::string id;           ///< as squeue shows it: "12", or "12_3" for a task of an array
  std::string member;       ///< identifies one of the processes that were submitted together: the id, or "12.3"
  std::string node;         ///< SLURM's name for it
  std::uint64_t memory = 0; ///< bytes that the job may use on this node; 0: unknown
};

/// `is_step`: the processes of the allocation were started by srun. Outside a job, the id is empty.
batch_job read_batch_job(bool is_step, const variable_reader& read);

/// The job step of a process: the tasks that srun started together.
struct slurm_step {
  std::size_t rank = 0;
  std::size_t tasks = 1;
  std::size_t tasks_here = 1; ///< on this node
};

/// Returns nothing outside a step: in a job's batch script, in the shell of salloc, and without SLURM. Ignores the
/// variables of another step, in which sbatch was called, if its number of tasks differs from the job's. Pure.
std::optional<slurm_step> read_slurm_step(const variable_reader& read);

/// The number of CPUs that SLURM assigned to the job on this node; in a step of srun, the share of one of its tasks
/// there. At least 1; nothing outside a job.
std::optional<unsigned> read_slurm_cpus(const variable_reader& read);

/// The total number of tasks in SLURM_TASKS_PER_NODE: 9 for "4(x2),1". Nothing for malformed text.
std::optional<std::size_t> sum_of_tasks(std::string_view tasks_per_node);
/// The number of tasks on one node, counted from 0: 4 for the nodes 0 and 1 of "4(x2),1". Nothing for malformed text
/// and unknown nodes.
std::optional<std::size_t> tasks_on_node(std::string_view tasks_per_node, std::size_t node);

} // namespace daskify::internal
