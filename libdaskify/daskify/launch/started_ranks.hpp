#pragma once

/// Detects a program that srun or mpirun started as several processes, the ranks of MPI: each would run the sweep.

#include "daskify/os/environment.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace daskify::internal {

/// One of several processes of a program.
struct started_rank {
  std::string launcher; ///< as users know it: "srun", "mpirun"
  std::size_t rank = 0;
  std::size_t ranks = 1;
};

/// Reads the rank of this process from the variables of Open MPI, MVAPICH, PMI (MPICH, Intel MPI), or a step of srun;
/// nothing if there are no such variables, or only one rank. Pure.
std::optional<started_rank> read_started_rank(const variable_reader& read);

/// Explains in one sentence why this rank must not start a cluster, and how to run the program instead; "" for rank 0
/// if `allow_ranks` is set. Pure.
std::string why_no_cluster_of_rank(const started_rank& who, bool allow_ranks, const std::string& program);

/// Throws cluster_error(several_ranks) if, by its environment, this process is a rank that must not start a cluster.
void refuse_several_ranks(bool allow_ranks, const std::string& program);

} // namespace daskify::internal
