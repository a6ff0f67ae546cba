#pragma once

/// Parses what SLURM's commands print and what its variables hold. All functions here are pure and thread-safe.

#include "daskify/deploy/batch/job_status.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// For `squeue --noheader --array --states=all --format=`; `parse_squeue` reads the output. The reason is last, because
/// it alone is free text.
inline constexpr std::string_view squeue_format{"%i|%A|%T|%L|%N|%r"};

/// Throws cluster_error (no_answer), with the line, for a line in another form: if it were skipped, its job would seem
/// to have ended.
std::vector<job_status> parse_squeue(std::string_view text);

/// The job id that `sbatch --parsable` printed ("123" or "123;cluster") on a line of its own; a site's wrapper may
/// print other lines.
std::optional<std::string> parse_submitted(std::string_view sbatch_output);

/// A duration as SLURM prints and accepts it: MIN, MIN:S, H:MIN:S, D-H, D-H:MIN, D-H:MIN:S. Nothing for UNLIMITED,
/// INVALID, NOT_SET and other text.
std::optional<std::chrono::seconds> parse_time(std::string_view text);

/// For --time, H:MIN:S or D-H:MIN:S; for a negative duration "00:00:00", which SLURM takes for no limit.
std::string format_time(std::chrono::seconds time);

inline constexpr std::size_t slurm_words_limit = 400;

/// A SLURM command's output to stderr as part of a sentence: without "sbatch: error: ", lines joined by "; ", safe for
/// a terminal, at most `slurm_words_limit` bytes.
std::string slurm_words(std::string_view stderr_text);

/// Whether a request that sbatch refused with this message may be accepted in smaller parts, or later, because of
/// limits on how many jobs a user may submit, and on the size of an array.
bool may_be_taken_in_parts(std::string_view words);

/// What the reason of a pending job means and what helps, as part of a sentence about "it"; "" for reasons that explain
/// themselves or are unknown.
std::string_view explain_reason(std::string_view reason);

/// Whether a pending job with this reason will never start, unless the job or the cluster's configuration is changed.
/// Trust the reason only if it is reported again `second_look` later: at first SLURM reports PartitionConfig also for
/// jobs whose reason is PartitionNodeLimit or QOSUsageThreshold at its second look.
bool can_never_start(std::string_view reason);

inline constexpr std::chrono::seconds second_look{4};

} // namespace daskify::internal
