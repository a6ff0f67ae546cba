#include "daskify/deploy/batch_job.hpp"

#include "daskify/deploy/slurm_text.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace daskify::internal {

namespace {

std::uint64_t number_in(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
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
  job.memory = number_in(text("SLURM_MEM_PER_NODE")) * mebibyte;
  if (job.memory == 0)
    job.memory = number_in(text("SLURM_MEM_PER_CPU")) * mebibyte *
                 std::max<std::uint64_t>(1, number_in(text(is_step ? "SLURM_CPUS_PER_TASK" : "SLURM_CPUS_ON_NODE")));
  return job;
}

} // namespace daskify::internal
