#pragma once

/// The script that a worker's, or a node's, batch job of SLURM runs: a text that a person can read, keep and submit.

#include "daskify/options.hpp" // job_shape

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace daskify::internal {

struct job_request {
  std::string name;     ///< of the job; empty: the script's file name
  std::string queue;    ///< partition, or several with commas between them; empty: the site's default
  std::string account;  ///< empty: the user's default
  std::size_t jobs = 1; ///< processes: array tasks, jobs, or tasks of the allocation
  daskify::job_shape shape = daskify::job_shape::array; ///< a separate one is submitted as often
  std::size_t cores = 1;                                ///< of each process
  std::uint64_t memory = 0;              ///< bytes for each process, rounded up to MiB; 0: the site's default
  std::chrono::seconds walltime{};       ///< rounded up to minutes, as SLURM does; 0: the partition's default
  std::vector<std::string> job_extra;    ///< more options of sbatch, one each: "--gres=gpu:1", "-C skylake"; they win
  std::vector<std::string> job_prologue; ///< lines of bash before the command; one that fails ends the job
  std::string output;                    ///< file_pattern of the log; empty: SLURM's default
  std::string working_directory;         ///< empty: where sbatch is called
  std::vector<std::pair<std::string, std::string>> environment; ///< set after the prologue
  std::vector<std::string> command;                             ///< program and arguments; found with PATH
};

/// A script for bash and sbatch 22.05 or later. Every value reaches the job byte for byte and none can add an option or
/// a command; but for `job_extra` and `job_prologue`, which are meant to.
///
/// Throws config_error (bad_option_value) with one sentence for what cannot be written. Pure; thread-safe.
///
/// What no script can say: SLURM makes the log before the script runs, with the umask that sbatch was called with and
/// that the user's files have, too; so the log is private only in a folder that is. And variables named SBATCH_* in
/// sbatch's environment win over the script.
std::string job_script(const job_request& request);

/// `path` as a piece of `job_request::output`, to which %j (job), %A (array) and %a (array task) can be added: its own
/// '%' are doubled.
std::string file_pattern(std::string_view path);

} // namespace daskify::internal
