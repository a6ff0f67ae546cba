#pragma once

#include "daskify/protocol/messages.hpp"

namespace daskify::internal {

/// The scheduler core's only exit: what it wants done, told in the order in which it has to happen.
///
/// The scheduler actor turns these into messages; a test records them.
class scheduler_effects {
public:
  virtual ~scheduler_effects() = default;

  /// `worker` needs to know this run before the next grant names it.
  virtual void describe(worker_id worker, const run_brief& run) = 0;
  virtual void grant(worker_id worker, const lease& granted) = 0;
  /// `worker` shall not start these tasks, and ask the running ones to stop.
  virtual void cancel(worker_id worker, const run_range& tasks) = 0;
  /// `worker` shall return, in its reports, all that it has not begun.
  virtual void recall(worker_id worker) = 0;
  /// `worker`, which was to be drained, has nothing any more, and gets nothing. Told once.
  virtual void drained(worker_id worker) = 0;
  /// `worker` will see no more leases of this run.
  virtual void forget(worker_id worker, run_id run) = 0;

  /// These objects, results that `worker` has stored, are part of a run now.
  virtual void claim(worker_id worker, const std::vector<object_id>& results) = 0;
  /// They are needed no more.
  virtual void let_go(const std::vector<object_id>& results) = 0;
  /// Releases the argument objects of `run`.
  virtual void let_go_of_arguments(run_id run, const std::vector<object_id>& arguments) = 0;

  /// The wait `waiter` is over: enough of its tasks have ended.
  virtual void satisfied(waiter_id waiter) = 0;
  /// All tasks of this unattended run have ended. Told once; the run is forgotten after it.
  virtual void unattended_ended(run_id run) = 0;
  /// The counts of `run` changed.
  virtual void changed(run_id run) = 0;
};

} // namespace daskify::internal
