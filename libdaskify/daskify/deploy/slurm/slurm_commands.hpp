#pragma once

/// SLURM's own commands, as a user at the terminal has them: the only way in which this library talks to SLURM.

#include "daskify/error.hpp"

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace daskify::internal {

/// SLURM has answered with an error.
class slurm_refusal : public cluster_error {
public:
  /// `what`: which command was refused, and the words; `advice` follows after a semicolon.
  slurm_refusal(std::string what, std::string words, std::string_view advice)
      : cluster_error{error_code::slurm_refused, what + "; " + std::string{advice}},
        without_advice_{std::move(what)},
        words_{std::move(words)} {}

  /// SLURM's own words.
  const std::string& words() const noexcept { return words_; }
  const std::string& without_advice() const noexcept { return without_advice_; }

private:
  std::string without_advice_;
  std::string words_;
};

/// Runs sbatch, squeue and scancel. Each call waits for SLURM's answer, 10 ms from one that is idle; so none belongs
/// into an actor that others wait for.
///
/// A job id is "12", or "12_3" for one task of an array. An array task is a job with an id of its own, too, and that of
/// the last one is the array's: "12" alone always means all of an array.
///
/// Every call throws cluster_error with one of these codes, and with SLURM's own words:
/// - slurm_missing: the command is not on this machine;
/// - slurm_silent: the controller, or munge, cannot be reached or does not answer; it may later. What was asked for may
///   have been done all the same;
/// - slurm_refused: SLURM answered with an error; asking again is of no use;
/// - command_failed: this machine could not run the command;
/// - shut_down: stop was requested.
/// And data_error(bad_argument) for what is no job id.
///
/// Thread-safe, as long as no other thread changes the environment.
class slurm_commands {
public:
  /// A command that takes longer than `timeout` is killed. SLURM itself gives up on a controller that does not answer
  /// after MessageTimeout, 10 s unless the site has more, and asks twice at most; the default leaves it the time to say
  /// so. When `stop` is requested, calls end at once.
  explicit slurm_commands(std::chrono::milliseconds timeout = std::chrono::seconds{60}, std::stop_token stop = {});

  /// Queues a job or an array of jobs and gives its id. What the script asks for in #SBATCH lines holds, whatever
  /// SBATCH_* variables say, which go before it otherwise; those for what it does not mention are obeyed. The
  /// descriptor `kept`, where it is one, is open as long as sbatch runs, whatever becomes of this process.
  std::string submit(const std::string& script, int kept = -1) const;

  /// Asks whether such a job could ever run, without queueing it. Gives SLURM's estimate: "Job 12 to start at
  /// 2024-05-01T10:00:00 using 4 processors on nodes n1 in partition main". Uses up a job id.
  std::string test_only(const std::string& script) const;

  /// What squeue says in this format (its option -o) about those of the jobs that SLURM knows, in any state and in any
  /// order: a line for each job and each task of an array. SLURM forgets a job some minutes after its end (MinJobAge),
  /// and at once a task that is cancelled alone while it is pending. Jobs of other users are left out.
  std::string query(const std::vector<std::string>& job_ids, const std::string& format) const;

  /// Ends exactly these jobs. Jobs that have ended, or that SLURM does not know, are no error. Without ids it does
  /// nothing. Returns before the jobs have ended.
  void cancel(const std::vector<std::string>& job_ids) const;
  /// The same for those of them that have not started.
  void cancel_pending(const std::vector<std::string>& job_ids) const;

  /// How long a job may still run, as squeue prints it: "59:58", "1-02:03:04", "UNLIMITED". Empty when SLURM does not
  /// know the job. `job_id` may also be that of a single array task, as SLURM_JOB_ID has it there.
  std::string time_left(const std::string& job_id) const;

private:
  void cancel(const std::vector<std::string>& job_ids, const std::vector<std::string>& options) const;

  std::chrono::milliseconds timeout_;
  std::stop_token stop_;
};

/// How long the job may still run that this process is in; nothing when it is in none, or the job has no limit, or when
/// SLURM does not say, which `who` tells on stderr.
std::optional<std::chrono::seconds> time_left_of_own_job(const std::string& who);

/// The environment for sbatch, from `environment` (NAME=value each).
///
/// What a script says in its #SBATCH lines must not be overridden by SBATCH_* variables, and SBATCH_WAIT would make
/// sbatch wait for the job's end. Inside a job, SLURM has described this job in SLURM_* variables; sbatch would pass
/// them on to the new one, where srun takes what is not overwritten, such as SLURM_HINT or SLURM_GPUS, for the user's
/// wishes. All but the site's and the user's own settings, such as SLURM_CONF, are left out.
std::vector<std::string> sbatch_environment(std::vector<std::string> environment, std::string_view script);

} // namespace daskify::internal
