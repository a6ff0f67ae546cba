#pragma once

/// The SLURM job that a process runs in, as the variables tell that SLURM sets for it.

#include <cstdint>
#include <functional>
#include <string>

namespace daskify::internal {

struct batch_job {
  std::string id;           ///< as squeue shows it: "12", or "12_3" for a task of an array
  std::string member;       ///< which of the processes that were submitted together this is: the id, or "12.3"
  std::string node;         ///< SLURM's name for it
  std::uint64_t memory = 0; ///< bytes that the job may use on this node; 0: not told
};

/// Reads a variable; null when it is not set.
using variable_reader = std::function<const char*(const char* name)>;

/// `is_step`: of an allocation whose processes were started by srun. Without a job, the id is empty.
batch_job read_batch_job(bool is_step, const variable_reader& read);

} // namespace daskify::internal
