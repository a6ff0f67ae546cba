#pragma once

/// Which options of daskify help when SLURM refuses a job or keeps it pending. All functions here are pure and
/// thread-safe.

#include "daskify/config/settings.hpp"
#include "daskify/deploy/slurm/slurm_commands.hpp"

#include <string>
#include <string_view>

namespace daskify::internal {

/// Sentences such as "The option queue is cpu (default): set it to one of the partitions that 'sinfo' lists, ...", one
/// for each option to look at. `words`: sbatch's error message, or the reason of a pending job as squeue prints it. ""
/// if no option helps.
std::string advice_on(std::string_view words, const settings& with);

/// What the reason of a pending job means, and the advice on it, without a full stop at the end; "" for reasons that
/// explain themselves or are unknown.
std::string explain_with_advice(std::string_view reason, const settings& with);

/// The sentence of a refusal, with advice on its error message instead of the general advice.
std::string with_advice(const slurm_refusal& refused, const settings& with);

} // namespace daskify::internal
