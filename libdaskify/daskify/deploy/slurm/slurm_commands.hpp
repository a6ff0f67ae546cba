#pragma once

/// SLURM's own commands, as a user runs them at the terminal: this library's only interface to SLURM.

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
  /// `what`: which command was refused, and SLURM's message; `advice` follows after a semicolon.
  slurm_refusal(std::string what, std::string words, std::string_view advice)
      : cluster_error{error_code::slurm_refused, what + "; " + std::string{advice}},
        without_advice_{std::move(what)},
        words_{std::move(words)} {}

  /// SLURM's own message.
  const std::string& words() const noexcept { return words_; }
  const std::string& without_advice() const noexcept { return without_advice_; }

private:
  std::string without_advice_;
  std::string words_;
};

/// Runs sbatch, squeue and scancel. Each call blocks until SLURM answers, for 10 ms if SLURM is idle; an actor that
/// others wait for must not make one.
///
/// A job id is "12", or "12_3" for one task of an array. An array task also is a job with its own id, and the id of the
/// last task is the array's: "12" alone always means the whole array.
///
/// Every call throws cluster_error with one of these codes, and with SLURM's own message:
/// - slurm_missing: the command is not on this machine;
/// - slurm_silent: the controller, or munge, cannot be reached or does not answer; a retry may succeed. The request may
///   have been carried out all the same;
/// - slurm_refused: SLURM answered with an error; a retry is useless;
/// - command_failed: this machine could not run the command;
/// - shut_down: stop was requested.
/// And data_error(bad_argument) for an invalid job id.
///
/// Thread-safe, as long as no other thread changes the environment.
class slurm_commands {
public:
  /// A command that takes longer than `timeout` is killed. SLURM itself gives up on a controller that does not answer
  /// after MessageTimeout, 10 s unless the site sets more, and retries once at most; the default leaves time for its
  /// error message. When `stop` is requested, calls end at once.
  explicit slurm_commands(std::chrono::milliseconds timeout = std::chrono::seconds{60}, std::stop_token stop = {});

  /// Queues a job or an array of jobs and returns its id. The script's #SBATCH lines override SBATCH_* variables, which
  /// would otherwise take precedence; variables for options that the script does not set are obeyed. The descriptor
  /// `kept`, unless -1, stays open as long as sbatch runs, even if this process ends.
  std::string submit(const std::string& script, int kept = -1) const;

  /// Asks whether such a job could ever run, without queueing it. Returns SLURM's estimate: "Job 12 to start at
  /// 2024-05-01T10:00:00 using 4 processors on nodes n1 in partition main". Uses up a job id.
  std::string test_only(const std::string& script) const;

  /// Returns squeue's output in this format (its option -o) for the jobs that SLURM knows, in any state and in any
  /// order: a line for each job and each task of an array. SLURM forgets a job some minutes after its end (MinJobAge),
  /// and at once a task that is cancelled alone while pending. Jobs of other users are left out.
  std::string query(const std::vector<std::string>& job_ids, const std::string& format) const;

  /// Ends exactly these jobs. Jobs that have ended or are unknown to SLURM are no error. Does nothing without ids.
  /// Returns before the jobs have ended.
  void cancel(const std::vector<std::string>& job_ids) const;
  /// Ends only the jobs that have not started.
  void cancel_pending(const std::vector<std::string>& job_ids) const;

  /// How long a job may still run, as squeue prints it: "59:58", "1-02:03:04", "UNLIMITED". Empty when SLURM does not
  /// know the job. `job_id` may also be the own id of an array task, as in the task's SLURM_JOB_ID.
  std::string time_left(const std::string& job_id) const;

private:
  void cancel(const std::vector<std::string>& job_ids, const std::vector<std::string>& options) const;

  std::chrono::milliseconds timeout_;
  std::stop_token stop_;
};

/// How long the job that this process runs in may still run; nothing outside a job, for a job without limit, or when
/// SLURM does not answer, which is reported on stderr in the name of `who`.
std::optional<std::chrono::seconds> time_left_of_own_job(const std::string& who);

/// The environment for sbatch, from `environment` (NAME=value each).
///
/// SBATCH_* variables must not override the script's #SBATCH lines, and SBATCH_WAIT would make sbatch wait for the
/// job's end. Inside a job, SLURM_* variables describe that job; sbatch would pass them on to the new job, where srun
/// takes those that are not overwritten, such as SLURM_HINT or SLURM_GPUS, for options of the user. All of these but
/// the site's and the user's own settings, such as SLURM_CONF, are left out.
std::vector<std::string> sbatch_environment(std::vector<std::string> environment, std::string_view script);

} // namespace daskify::internal
