#pragma once

/// The interface between the deployment of jobs and one batch system's commands, as a user runs them at the terminal.

#include "daskify/deploy/batch/job_status.hpp"

#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// The outcome of a submission.
struct submission_result {
  std::vector<std::string> units; ///< ids of the accepted units
  std::string refusal;            ///< why no unit was accepted, as a sentence
  bool permanent = false;         ///< a retry will be refused, too, unless the user or the site changes something
  bool in_doubt = false;          ///< the system may have accepted more units without confirming them
};

/// A unit is what the system starts and ends as one, with one node process: a job, a task of a job array, or a task of
/// an allocation. Ids of units are the system's own; a node determines the id of its unit itself.
///
/// Calls block for as long as the system's commands run; an actor must not make them. A call ends soon after its stop
/// is requested. Not thread-safe, except for the functions that only return words.
class batch_system {
public:
  virtual ~batch_system() = default;

  // -- words ------------------------------------------------------------------------------------------------

  /// For messages: "SLURM".
  virtual std::string_view name() const = 0;
  /// The commands that a user may have to wait for: "sbatch", "squeue".
  virtual std::string_view submit_command() const = 0;
  virtual std::string_view query_command() const = 0;
  /// The command with which a user can end these units, or, without units, all units of this cluster.
  virtual std::string cancel_command(const std::vector<std::string>& units) const = 0;
  /// Whether a pending unit with this reason will never start.
  virtual bool can_never_start(std::string_view reason) const = 0;
  /// What the reason of a pending unit means and what helps against it, without a full stop; "" if the reason explains
  /// itself.
  virtual std::string explain(std::string_view reason) const = 0;
  /// Whether an option of daskify helps against this reason.
  virtual bool has_advice_on(std::string_view reason) const = 0;
  /// The file with the output of a unit.
  virtual std::string log_of(const std::string& unit) const = 0;

  // -- commands ---------------------------------------------------------------------------------------------

  /// Throws config_error when `count` units cannot be requested at all. Calls no command.
  virtual void check(std::size_t count) const = 0;
  /// Submits `count` units, in one request or several; makes no further request once `no_more` is requested.
  virtual submission_result submit(std::size_t count, std::stop_token no_more, std::stop_token stop) = 0;
  /// Returns the states of the units that the system knows, in any state. Throws cluster_error when the system does not
  /// answer.
  virtual std::vector<job_status> query(const std::vector<std::string>& units, std::stop_token stop) = 0;
  /// Ends units in any state. Units that have ended or are unknown are no error. Returns false when no request to the
  /// system was needed. Throws cluster_error.
  virtual bool cancel(const std::vector<std::string>& units, std::stop_token stop) = 0;
  /// Ends only the units that have not started.
  virtual void cancel_pending(const std::vector<std::string>& units, std::stop_token stop) = 0;

  // -- clean-up when this process ends ------------------------------------------------------------------------

  /// Ensures that all units of this cluster are ended, and its session folder is removed, when this process ends in any
  /// way without `release`. May be called again. Throws cluster_error when that cannot be ensured.
  virtual void guard() = 0;
  /// Revokes `guard`: the units have been ended.
  virtual void release() = 0;
  /// Ends all units of this cluster, also those whose ids are unknown. Returns why the system has not confirmed that;
  /// "" if it has.
  virtual std::string cancel_all() = 0;
};

} // namespace daskify::internal
