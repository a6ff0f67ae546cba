#pragma once

#include "daskify/config/settings.hpp"

namespace daskify::command {

/// Prints the job script, and, if requested, SLURM's response to it (sbatch --test-only). Throws error.
void preview_jobs(internal::settings with, bool ask_slurm);

} // namespace daskify::command
