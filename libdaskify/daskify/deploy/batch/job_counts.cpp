#include "daskify/deploy/batch/job_counts.hpp"

#include <algorithm>

namespace daskify::internal {

std::size_t jobs_for(const settings& options, std::size_t workers) {
  return (workers + options.processes - 1) / options.processes;
}

job_counts job_counts_for(const settings& options) {
  auto size = options.fleet_size();
  auto minimum = options.minimum.value_or(std::min(size, options.maximum.value_or(size)));
  auto maximum = options.maximum.value_or(std::max(size, minimum));
  return {jobs_for(options, std::clamp(size, minimum, maximum)), jobs_for(options, minimum),
          jobs_for(options, maximum)};
}

} // namespace daskify::internal
