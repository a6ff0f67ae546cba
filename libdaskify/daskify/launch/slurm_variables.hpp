#pragma once

/// What the variables of SLURM say about the job, and the step of srun, that a process belongs to. All functions here
/// are pure and thread-safe.

#include "daskify/os/environment.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace daskify::internal {

/// SLURM counts memory in these.
inline constexpr std::uint64_t mebibyte = 1U << 20;

/// The job of a process.
struct batch_job {
  std::string id;           ///< as squeue shows it: "12", or "12_3" for a task of an array
  std::string member;       ///< which of the processes that were submitted together this is: the id, or "12.3"
  std::string node;         ///< SLURM's name for it
  std::uint64_t memory = 0; ///< bytes that the job may use on this node; 0: not told
};

/// `is_step`: of an allocation whose processes were started by srun. Without a job, the id is empty.
batch_job read_batch_job(bool is_step, const variable_reader& read);

/// The job step of a process: the tasks that srun has started together.
struct slurm_step {
  std::size_t rank = 0;
  std::size_t tasks = 1;
  std::size_t tasks_here = 1; ///< on this node
};

/// Nothing outside of a step: in a job's batch script, in the shell of salloc, and without SLURM. Variables of another
/// step, in which sbatch was called, do not count as long as the number of tasks differs from the job's. Pure.
std::optional<slurm_step> read_slurm_step(const variable_reader& read);

/// The CPUs that SLURM gave the job on this node; in a step of srun, the share of one of its tasks there. At least 1;
/// nothing outside a job.
std::optional<unsigned> read_slurm_cpus(const variable_reader& read);

/// All tasks that SLURM_TASKS_PER_NODE has room for: 9 for "4(x2),1". Nothing for other text.
std::optional<std::size_t> sum_of_tasks(std::string_view tasks_per_node);
/// Those of one node, counted from 0: 4 for the nodes 0 and 1 of "4(x2),1". Nothing for other text, and other nodes.
std::optional<std::size_t> tasks_on_node(std::string_view tasks_per_node, std::size_t node);

} // namespace daskify::internal
