#pragma once

/// The script of a SLURM batch job for a worker or node: a text that a user can read, keep and submit.

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
  daskify::job_shape shape = daskify::job_shape::array; ///< the script of separate jobs is submitted once per job
  std::size_t cores = 1;                                ///< of each process
  std::uint64_t memory = 0;              ///< bytes for each process, rounded up to MiB; 0: the site's default
  std::chrono::seconds walltime{};       ///< rounded up to minutes, as SLURM does; 0: the partition's default
  std::vector<std::string> job_extra;    ///< more sbatch options, one each: "--gres=gpu:1", "-C skylake"; they override
  std::vector<std::string> job_prologue; ///< lines of bash before the command; one that fails ends the job
  std::string output;                    ///< file_pattern of the log; empty: SLURM's default
  std::string working_directory;         ///< empty: where sbatch is called
  std::vector<std::pair<std::string, std::string>> environment; ///< set after the prologue
  std::vector<std::string> command;                             ///< program and arguments; found with PATH
};

/// Returns a script for bash and sbatch 22.05 or later. Every value reaches the job byte for byte, and no value can add
/// an option or a command, except `job_extra` and `job_prologue`, which are meant to.
///
/// Throws config_error (bad_option_value) with one sentence for a value that cannot be written. Pure; thread-safe.
///
/// A script has no control over two things: SLURM creates the log before the script runs, with the umask of the sbatch
/// call, as for the user's other files; so the log is private only in a private folder. And variables named SBATCH_* in
/// sbatch's environment override the script.
std::string job_script(const job_request& request);

/// Returns `path` as part of `job_request::output`, to which %j (job), %A (array) and %a (array task) can be added: the
/// path's own '%' are doubled.
std::string file_pattern(std::string_view path);

} // namespace daskify::internal
