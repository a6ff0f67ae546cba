#pragma once

#include "daskify/config/settings.hpp"

#include <cstddef>

namespace daskify::internal {

/// Returns the number of jobs that this many workers need.
std::size_t jobs_for(const settings& options, std::size_t workers);

/// How many jobs a cluster has: `first` are submitted at its start. The number is fixed if minimum equals maximum.
struct job_counts {
  std::size_t first;
  std::size_t minimum;
  std::size_t maximum;
};

job_counts job_counts_for(const settings& options);

} // namespace daskify::internal
