#include "daskify/launch/worker_cpus.hpp"

#include "daskify/launch/slurm_variables.hpp"
#include "daskify/os/cpu_count.hpp"
#include "daskify/os/environment.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace daskify::internal {

unsigned usable_cpus() {
  auto allowed = allowed_cpus();
  return std::min(allowed, read_slurm_cpus(own_variable).value_or(allowed));
}

std::vector<unsigned> cpus_of_worker(const std::vector<unsigned>& cpus, std::size_t workers, std::size_t worker) {
  auto begin = worker * cpus.size() / workers;
  auto end = std::max((worker + 1) * cpus.size() / workers, begin + 1);
  auto at = [&](std::size_t i) { return cpus.begin() + static_cast<std::ptrdiff_t>(i); };
  return {at(begin), at(end)};
}

bool may_bind(bool is_in_job, std::size_t workers, std::size_t bound_to, unsigned count) {
  return !is_in_job || (workers > 1 && bound_to <= count);
}

std::uint32_t cpu_shares::each() const {
  return static_cast<std::uint32_t>(std::max<std::size_t>(count / workers, 1));
}

std::vector<unsigned> cpu_shares::bound(std::size_t worker) const {
  return numbers.empty() ? numbers : cpus_of_worker(numbers, workers, worker % workers);
}

cpu_shares share_cpus(std::size_t workers, bool pin) {
  cpu_shares shares{usable_cpus(), {}, std::max<std::size_t>(workers, 1)};
  if (!pin)
    return shares;
  auto numbers = affinity_cpus();
  if (may_bind(std::getenv("SLURM_JOB_ID") != nullptr, shares.workers, numbers.size(), shares.count))
    shares.numbers = std::move(numbers);
  return shares;
}

launch_environment worker_environment(const worker_launch& as) {
  auto all = to_environment(as);
  auto threads = std::max<std::size_t>(as.cpus / std::max<std::size_t>(as.threads, 1), 1);
  for (const auto* name : thread_variables)
    if (std::getenv(name) == nullptr)
      all.emplace_back(name, std::to_string(threads));
  return all;
}

} // namespace daskify::internal
