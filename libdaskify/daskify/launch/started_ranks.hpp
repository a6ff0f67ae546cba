#pragma once

/// A program that srun or mpirun has started as several processes, the ranks of MPI, would run its sweep once in each.

#include "daskify/os/environment.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace daskify::internal {

/// One of the processes of one program.
struct started_rank {
  std::string launcher; ///< as people call it: "srun", "mpirun"
  std::size_t rank = 0;
  std::size_t ranks = 1;
};

/// The rank that this process has by the variables of Open MPI, MVAPICH, PMI (MPICH, Intel MPI), or a step of srun;
/// nothing where there are no such variables, or one rank only. Pure.
std::optional<started_rank> read_started_rank(const variable_reader& read);

/// Why this rank may start no cluster, and how to run the program instead, as one sentence; "" for rank 0 where
/// `allow_ranks` is set. Pure.
std::string why_no_cluster_of_rank(const started_rank& who, bool allow_ranks, const std::string& program);

/// Throws cluster_error(several_ranks) where the environment says that this process is such a rank.
void refuse_several_ranks(bool allow_ranks, const std::string& program);

} // namespace daskify::internal
