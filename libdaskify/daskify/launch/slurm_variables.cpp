#include "daskify/launch/slurm_variables.hpp"

#include "daskify/text/split.hpp"
#include "daskify/text/words.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace daskify::internal {

namespace {

/// From here on SLURM's step ids do not denote steps of srun, but batch scripts and interactive shells.
constexpr std::uint64_t first_special_step = 0xffff'fff0;

std::optional<std::uint64_t> number_in(const variable_reader& read, const char* name) {
  const auto* text = read(name);
  std::uint64_t number = 0;
  return text && parse_number(text, number) ? std::optional{number} : std::nullopt;
}

struct same_nodes {
  std::int64_t tasks;
  std::int64_t nodes;
};

/// Parses "4(x2),1"; nothing for malformed text.
std::optional<std::vector<same_nodes>> tasks_of_nodes(std::string_view tasks_per_node) {
  bool good = true;
  auto number = [&](std::string_view digits) {
    std::int64_t value = 0;
    constexpr std::size_t most_digits = 6; // so that sums do not overflow
    good =
        good && !digits.empty() && digits.front() != '-' && digits.size() <= most_digits && parse_number(digits, value);
    return value;
  };
  std::vector<same_nodes> all;
  for (auto part : split(tasks_per_node, ',')) {
    auto times = part.find("(x");
    auto nodes = part.substr(std::min(times, part.size()));
    auto is_closed = nodes.empty() || nodes.ends_with(')');
    good = good && is_closed;
    all.push_back(
        {number(part.substr(0, times)), nodes.empty() || !is_closed ? 1 : number(nodes.substr(2, nodes.size() - 3))});
  }
  return good ? std::optional{all} : std::nullopt;
}

} // namespace

batch_job read_batch_job(bool is_step, const variable_reader& read) {
  auto text = [&](const char* name) {
    const auto* value = read(name);
    return std::string{value ? value : ""};
  };
  batch_job job;
  if (auto array = text("SLURM_ARRAY_JOB_ID"); !array.empty())
    job.id = array + "_" + text("SLURM_ARRAY_TASK_ID");
  else
    job.id = text("SLURM_JOB_ID");
  job.member = is_step ? job.id + "." + text("SLURM_PROCID") : job.id;
  job.node = text("SLURMD_NODENAME");
  job.memory = number_in(read, "SLURM_MEM_PER_NODE").value_or(0) * mebibyte;
  if (job.memory == 0)
    job.memory =
        number_in(read, "SLURM_MEM_PER_CPU").value_or(0) * mebibyte *
        std::max<std::uint64_t>(1, number_in(read, is_step ? "SLURM_CPUS_PER_TASK" : "SLURM_CPUS_ON_NODE").value_or(1));
  return job;
}

std::optional<slurm_step> read_slurm_step(const variable_reader& read) {
  auto id = number_in(read, "SLURM_STEP_ID");
  auto rank = number_in(read, "SLURM_PROCID");
  if (!number_in(read, "SLURM_JOB_ID") || !id || *id >= first_special_step || !rank)
    return std::nullopt;
  auto tasks_of_job = number_in(read, "SLURM_NTASKS"); // in a step, its own number
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

std::optional<unsigned> read_slurm_cpus(const variable_reader& read) {
  auto cpus = number_in(read, "SLURM_CPUS_ON_NODE");
  if (read("SLURM_JOB_ID") == nullptr || !cpus || *cpus == 0)
    return std::nullopt;
  if (auto step = read_slurm_step(read))
    *cpus = std::max<std::uint64_t>(*cpus / step->tasks_here, 1);
  return static_cast<unsigned>(std::min<std::uint64_t>(*cpus, std::numeric_limits<unsigned>::max()));
}

std::optional<std::size_t> sum_of_tasks(std::string_view tasks_per_node) {
  auto parts = tasks_of_nodes(tasks_per_node);
  if (!parts)
    return std::nullopt;
  std::int64_t all = 0;
  for (auto [tasks, nodes] : *parts)
    all += tasks * nodes;
  return static_cast<std::size_t>(all);
}

std::optional<std::size_t> tasks_on_node(std::string_view tasks_per_node, std::size_t node) {
  auto before = static_cast<std::int64_t>(std::min<std::size_t>(node, INT64_MAX));
  for (auto [tasks, nodes] : tasks_of_nodes(tasks_per_node).value_or(std::vector<same_nodes>{})) {
    if (before < nodes)
      return static_cast<std::size_t>(tasks);
    before -= nodes;
  }
  return std::nullopt;
}

} // namespace daskify::internal
