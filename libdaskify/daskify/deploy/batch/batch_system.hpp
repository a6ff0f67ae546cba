#pragma once

/// A batch system, as a user has it at the terminal: the interface between the deployment of jobs and the commands of
/// one system.

#include "daskify/deploy/batch/job_status.hpp"

#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// What became of a submission.
struct submission_result {
  std::vector<std::string> units; ///< ids of those that were taken
  std::string refusal;            ///< why there are none, as a sentence
  bool permanent = false;         ///< the same will be refused again, unless somebody changes something
  bool in_doubt = false;          ///< the system may have taken more than these, and did not say so
};

/// A unit is what the system starts and ends as one, with one node process: a job, a task of a job array, or a task of
/// an allocation. Ids of units are the system's own; a node finds the id of its unit out by itself.
///
/// Calls may take as long as the system's commands do; none belongs into an actor. A call ends soon after its stop is
/// requested. Not thread-safe, except for what only asks for words.
class batch_system {
public:
  virtual ~batch_system() = default;

  // -- words ------------------------------------------------------------------------------------------------

  /// As people call it: "SLURM".
  virtual std::string_view name() const = 0;
  /// The commands that people wait for: "sbatch", "squeue".
  virtual std::string_view submit_command() const = 0;
  virtual std::string_view query_command() const = 0;
  /// What a person can type to end units of this cluster, or, without units, all of them.
  virtual std::string cancel_command(const std::vector<std::string>& units) const = 0;
  /// A pending unit with this reason will never start.
  virtual bool can_never_start(std::string_view reason) const = 0;
  /// What the reason of a pending unit means and what helps against it, without a full stop; "" when it explains
  /// itself.
  virtual std::string explain(std::string_view reason) const = 0;
  /// Whether an option of daskify helps against it.
  virtual bool has_advice_on(std::string_view reason) const = 0;
  /// The file with the output of a unit.
  virtual std::string log_of(const std::string& unit) const = 0;

  // -- commands ---------------------------------------------------------------------------------------------

  /// Throws config_error when such units cannot be asked for at all. Calls no command.
  virtual void check(std::size_t count) const = 0;
  /// Asks for `count` units, in one request or several; none further once `no_more` is requested.
  virtual submission_result submit(std::size_t count, std::stop_token no_more, std::stop_token stop) = 0;
  /// The states of those of the units that the system knows, in any state. Throws cluster_error when it does not
  /// answer.
  virtual std::vector<job_status> query(const std::vector<std::string>& units, std::stop_token stop) = 0;
  /// Ends units, whatever their state. Units that have ended, or are unknown, are no error. False when there was
  /// nothing to ask the system for. Throws cluster_error.
  virtual bool cancel(const std::vector<std::string>& units, std::stop_token stop) = 0;
  /// The same for those of them that have not started.
  virtual void cancel_pending(const std::vector<std::string>& units, std::stop_token stop) = 0;

  // -- what is left when this process ends --------------------------------------------------------------------

  /// From now on all units of this cluster are ended, and its session folder is removed, when this process ends without
  /// `release`, in whatever way. May be called again. Throws cluster_error when that cannot be seen to.
  virtual void guard() = 0;
  /// All has been done: nothing is to be ended.
  virtual void release() = 0;
  /// Ends all units of this cluster, also those whose ids are unknown. Why the system has not said that it does; ""
  /// when it has.
  virtual std::string cancel_all() = 0;
};

} // namespace daskify::internal
