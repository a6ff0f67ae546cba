#pragma once

/// How the workers of one machine share its CPUs: the threads that libraries may start in tasks, and the CPUs that a
/// worker is bound to.

#include "daskify/launch/launch_variables.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace daskify::internal {

/// The minimum of the limits that CPU affinity, control groups and, inside a job, SLURM set for this process; at least
/// 1. Thread-safe, as long as no other thread changes the environment.
unsigned usable_cpus();

/// Variables that set the number of threads of OpenMP and of libraries for linear algebra.
inline constexpr const char* thread_variables[] = {"OMP_NUM_THREADS",  "MKL_NUM_THREADS",     "OPENBLAS_NUM_THREADS",
                                                   "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"};

/// The part of `cpus` to which `worker`, counted from 0, is bound. If there are enough CPUs, parts are disjoint and
/// cover all of them; otherwise each part is one CPU, and the numbers of workers per CPU differ by at most one.
/// REQUIRES: worker < workers; cpus is not empty. Pure.
std::vector<unsigned> cpus_of_worker(const std::vector<unsigned>& cpus, std::size_t workers, std::size_t worker);

/// Whether workers may be bound: always outside of SLURM's jobs; inside a job only if SLURM binds the job, but not each
/// of its workers. A job counts as bound if its affinity (`bound_to` CPUs) is no larger than its share (`count` CPUs):
/// otherwise its own CPUs are unknown, and another job may use the same ones. Pure.
bool may_bind(bool is_in_job, std::size_t workers, std::size_t bound_to, unsigned count);

/// How the workers of one machine share its CPUs; a value.
struct cpu_shares {
  unsigned count = 1;            ///< CPUs that daskify may use
  std::vector<unsigned> numbers; ///< CPUs that the workers are bound to; empty: the workers are not bound
  std::size_t workers = 1;       ///< on this machine

  /// CPUs of each worker, at least 1.
  std::uint32_t each() const;
  /// The CPUs that `worker`, counted on this machine from 0, is bound to; empty: it is not bound.
  std::vector<unsigned> bound(std::size_t worker) const;
};

/// The shares of the workers that this process starts, from the CPUs that it may use itself. Thread-safe, as long as no
/// other thread changes the environment.
cpu_shares share_cpus(std::size_t workers, bool pin);

/// The environment of a worker: its launch, and the number of threads for libraries in its tasks: `as.cpus` divided by
/// the number of its concurrent tasks. Omits variables that this process already has, because the user has set them.
/// Thread-safe, as long as no other thread changes the environment.
launch_environment worker_environment(const worker_launch& as);

} // namespace daskify::internal
