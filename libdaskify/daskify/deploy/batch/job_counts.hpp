#pragma once

#include "daskify/config/settings.hpp"

#include <cstddef>

namespace daskify::internal {

/// How many jobs a number of workers takes.
std::size_t jobs_for(const settings& options, std::size_t workers);

/// How many jobs a cluster has: `first` are submitted at its start. Its number is fixed where minimum is maximum.
struct job_counts {
  std::size_t first;
  std::size_t minimum;
  std::size_t maximum;
};

job_counts job_counts_for(const settings& options);

} // namespace daskify::internal
