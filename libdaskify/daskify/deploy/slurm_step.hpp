#pragma once

/// The job step of srun that a process is a task of, as SLURM's variables describe the step.

#include "daskify/deploy/batch_job.hpp"

#include <cstddef>
#include <optional>

namespace daskify::internal {

struct slurm_step {
  std::size_t rank = 0;
  std::size_t tasks = 1;
  std::size_t tasks_here = 1; ///< on this node
};

/// Nothing outside of a step: in a job's batch script, in the shell of salloc, and without SLURM. Variables of another
/// step, in which sbatch was called, do not count as long as the number of tasks differs from the job's. Pure.
std::optional<slurm_step> read_slurm_step(const variable_reader& read);

} // namespace daskify::internal
