#pragma once

#include "daskify/config/settings.hpp"

namespace daskify::command {

/// Prints the script of the jobs, and, if asked to, what SLURM says of it. Throws error.
void preview_jobs(internal::settings with, bool ask_slurm);

} // namespace daskify::command
