#pragma once

#include "daskify/protocol/messages.hpp"

namespace daskify::internal {

/// What the scheduler core wants done, called in the order in which it has to happen.
///
/// The scheduler actor turns the calls into messages; a test records them.
class scheduler_effects {
public:
  virtual ~scheduler_effects() = default;

  /// `worker` needs to know this run before the next grant names it.
  virtual void describe(worker_id worker, const run_brief& run) = 0;
  virtual void grant(worker_id worker, const lease& granted) = 0;
  /// `worker` is to start none of these tasks, and to ask the running ones to stop.
  virtual void cancel(worker_id worker, const run_range& tasks) = 0;
  /// `worker` is to return, in its reports, all that it has not begun.
  virtual void recall(worker_id worker) = 0;
  /// `worker`, which is being drained, has no lease any more, and gets none. Called once.
  virtual void drained(worker_id worker) = 0;
  /// `worker` will see no more leases of this run.
  virtual void forget(worker_id worker, run_id run) = 0;

  /// These objects, results that `worker` has stored, belong to a run now.
  virtual void adopt_results(worker_id worker, const std::vector<object_id>& results) = 0;
  /// The scheduler no longer needs these results.
  virtual void release_results(const std::vector<object_id>& results) = 0;
  /// Releases the argument objects of `run`.
  virtual void release_arguments_of(run_id run, const std::vector<object_id>& arguments) = 0;

  /// The wait `waiter` is over: enough of its tasks have ended.
  virtual void satisfied(waiter_id waiter) = 0;
  /// All tasks of this unattended run have ended. Called once; the run is forgotten afterwards.
  virtual void unattended_ended(run_id run) = 0;
  /// The counts of `run` changed.
  virtual void changed(run_id run) = 0;
};

} // namespace daskify::internal
