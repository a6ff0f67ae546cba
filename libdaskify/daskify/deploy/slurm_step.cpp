#include "daskify/deploy/slurm_step.hpp"

#include "daskify/deploy/slurm_text.hpp"
#include "daskify/transport/words.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace daskify::internal {

namespace {

/// From here on SLURM numbers what is no step of srun: batch scripts, interactive shells.
constexpr std::uint64_t first_special_step = 0xffff'fff0;

std::optional<std::uint64_t> number_in(const variable_reader& read, const char* name) {
  const auto* text = read(name);
  std::uint64_t number = 0;
  return text && parse_number(text, number) ? std::optional{number} : std::nullopt;
}

} // namespace

std::optional<slurm_step> read_slurm_step(const variable_reader& read) {
  auto id = number_in(read, "SLURM_STEP_ID");
  auto rank = number_in(read, "SLURM_PROCID");
  if (!number_in(read, "SLURM_JOB_ID") || !id || *id >= first_special_step || !rank)
    return std::nullopt;
  auto tasks_of_job = number_in(read, "SLURM_NTASKS"); // of a step: its own
  auto tasks = number_in(read, "SLURM_STEP_NUM_TASKS");
  if (tasks && tasks_of_job && *tasks != *tasks_of_job)
    return std::nullopt;
  slurm_step step;
  step.rank = *rank;
  step.tasks = std::max<std::size_t>(tasks.value_or(tasks_of_job.value_or(1)), 1);
  const auto* per_node = read("SLURM_STEP_TASKS_PER_NODE");
  auto here = tasks_on_node(per_node ? per_node : "", number_in(read, "SLURM_NODEID").value_or(0));
  step.tasks_here = std::clamp<std::size_t>(here.value_or(1), 1, step.tasks);
  return step;
}

} // namespace daskify::internal
