#pragma once

/// What SLURM's commands print, and what it says in variables, as values. All functions here are pure and thread-safe.

#include "daskify/deploy/batch/job_status.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// For `squeue --noheader --array --states=all --format=`; what `parse_squeue` reads. The reason is last, as it alone
/// is free text.
inline constexpr std::string_view squeue_format{"%i|%A|%T|%L|%N|%r"};

/// Throws cluster_error (no_answer), with the line, for one in another form: to leave it out would be to take its job
/// for gone.
std::vector<job_status> parse_squeue(std::string_view text);

/// The job id that `sbatch --parsable` printed ("123" or "123;cluster"), in a line of its own among what a site's
/// wrapper prints.
std::optional<std::string> parse_submitted(std::string_view sbatch_output);

/// A duration as SLURM prints and takes it: MIN, MIN:S, H:MIN:S, D-H, D-H:MIN, D-H:MIN:S. Nothing for UNLIMITED,
/// INVALID, NOT_SET and other text.
std::optional<std::chrono::seconds> parse_time(std::string_view text);

/// For --time, H:MIN:S or D-H:MIN:S; of a negative duration "00:00:00", which SLURM takes for no limit.
std::string format_time(std::chrono::seconds time);

inline constexpr std::size_t slurm_words_limit = 400;

/// What a command of SLURM wrote to stderr as a piece of one sentence: without "sbatch: error: ", lines joined by "; ",
/// harmless for a terminal, at most `slurm_words_limit` bytes.
std::string slurm_words(std::string_view stderr_text);

/// Whether what sbatch refused with such words may be taken in smaller parts, or later: there are limits on how many
/// jobs a user may submit, and on the size of an array.
bool may_be_taken_in_parts(std::string_view words);

/// What the reason of a job that waits means and what helps, as a piece of a sentence about "it"; "" for reasons that
/// explain themselves or are not known.
std::string_view explain_reason(std::string_view reason);

/// A job that waits for this reason will not start however long it waits, unless somebody changes the job or the
/// cluster's configuration. Believe it only when it is said again `second_look` later: at first SLURM says
/// PartitionConfig also for what is PartitionNodeLimit or QOSUsageThreshold at its second look.
bool can_never_start(std::string_view reason);

inline constexpr std::chrono::seconds second_look{4};

} // namespace daskify::internal
