#include "daskify/launch/started_ranks.hpp"

#include "daskify/error.hpp"
#include "daskify/launch/slurm_variables.hpp"
#include "daskify/os/environment.hpp"
#include "daskify/text/words.hpp"

#include <array>
#include <cstdlib>
#include <string_view>

namespace daskify::internal {

namespace {

struct launcher_variables {
  const char* rank;
  const char* ranks;
};

constexpr std::array<launcher_variables, 3> of_launchers{{{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                                          {"MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"},
                                                          {"PMI_RANK", "PMI_SIZE"}}};

std::optional<std::size_t> number_in(const char* text) {
  std::size_t number = 0;
  return text && parse_number(text, number) ? std::optional{number} : std::nullopt;
}

} // namespace

std::optional<started_rank> read_started_rank(const variable_reader& read) {
  auto step = read_slurm_step(read);
  for (auto [rank, ranks] : of_launchers) {
    auto own = number_in(read(rank));
    auto all = number_in(read(ranks));
    if (!own || !all)
      continue;
    if (*all < 2)
      return std::nullopt; // mpirun may itself use srun, whose step has other numbers
    return started_rank{step && step->tasks == *all ? "srun" : "mpirun", *own, *all}; // srun may set these, too
  }
  if (step && step->tasks > 1)
    return started_rank{"srun", step->rank, step->tasks};
  return std::nullopt;
}

std::string why_no_cluster_of_rank(const started_rank& who, bool allow_ranks, const std::string& program) {
  if (who.rank == 0 && allow_ranks)
    return {};
  auto once = "start it once, without " + who.launcher + ", as '" + program + "'";
  if (who.rank != 0)
    return "Rank " + std::to_string(who.rank) + " of " + std::to_string(who.ranks) +
           " starts no cluster: this program " + "was started by " + who.launcher +
           ", and would run its sweep in each rank; " + once +
           (allow_ranks ? ", or call start_cluster in rank 0 only." : ", and daskify starts the workers itself.");
  return "This program was started by " + who.launcher + " as " + std::to_string(who.ranks) +
         " ranks, each of which would run the whole sweep; " + once +
         ", and daskify starts the workers itself (--daskify.size N of them), or set the option allow_ranks where " +
         "rank 0 alone calls start_cluster.";
}

void refuse_several_ranks(bool allow_ranks, const std::string& program) {
  auto who = read_started_rank(own_variable);
  auto why = who ? why_no_cluster_of_rank(*who, allow_ranks, program) : std::string{};
  if (!why.empty())
    throw cluster_error{error_code::several_ranks, why};
}

} // namespace daskify::internal
