#pragma once

/// Every typed actor interface of daskify, and with that every conversation there is.
///
///   user's thread -> client actor -> scheduler actor -> worker actor -> executor -> user's function
///                      progress actor <-'   store actor <-'
///
/// Requests travel down; reports, answers and down messages travel up. A worker that is granted a lease does not
/// reply to that message: a task may take hours, and no request may stay open so long. It reports, as often as it has
/// results, over the same ordered connection.

#include "daskify/protocol/messages.hpp"
#include "daskify/protocol/wire.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <memory>

namespace daskify::internal {

// -- what actors say to themselves -------------------------------------------------------------------------

struct executor_has_news {}; ///< executor to its worker actor: reports are waiting, or tasks begin or end to wait
/// Time to say that we are alive, and to give back what waits behind a slow task. The first one brings the intervals.
struct worker_tick {
  std::uint64_t heartbeat_interval_ms = 0;
  std::uint64_t heartbeat_timeout_ms = 0;
};
struct scheduler_tick {}; ///< time to look for silent workers and impatient askers
struct progress_tick {};  ///< time to tell what changed, or that time goes on
struct stop_session {};   ///< the session ends: workers are told to stop

template <class Inspector>
auto inspect(Inspector& f, executor_has_news&) {
  return f();
}
template <class Inspector>
auto inspect(Inspector& f, worker_tick& x) {
  return f(x.heartbeat_interval_ms, x.heartbeat_timeout_ms);
}
template <class Inspector>
auto inspect(Inspector& f, scheduler_tick&) {
  return f();
}
template <class Inspector>
auto inspect(Inspector& f, progress_tick&) {
  return f();
}
template <class Inspector>
auto inspect(Inspector& f, stop_session&) {
  return f();
}

// -- what never leaves a process ---------------------------------------------------------------------------

class progress_feed;
class segment;
/// A monitor and what it watches. The feed is filled by the progress actor and read by the user's thread.
struct watch_tasks {
  std::shared_ptr<progress_feed> feed;
  std::vector<run_range> tasks;
};
struct unwatch_tasks {
  std::shared_ptr<progress_feed> feed;
};

/// A filled segment for the store; it starts with one reference.
struct put_object {
  object_id object;
  std::string key; ///< empty: none
  bool replace = false;
  std::uint64_t type = 0; ///< hash of the type's name
  std::string type_name;
  std::shared_ptr<segment> bytes;
};

// -- interfaces --------------------------------------------------------------------------------------------

/// Runs in each worker process. Speaks for the executor, which runs the user's functions.
using worker_actor = caf::typed_actor<
    /// More to do, or less.
    caf::reacts_to<work_order>,
    /// There are reports, or other tasks wait than before (from the executor's threads, not over the wire).
    caf::reacts_to<executor_has_news>,
    /// Time to say that we are alive, and to give back work that waits behind a slow task (to itself).
    caf::reacts_to<worker_tick>,
    /// End of the session.
    caf::reacts_to<stop_worker>>;

/// What a store answers to its workers.
using store_for_workers = caf::typed_actor<
    /// Where an object's bytes are on this node; an error when it is gone.
    caf::replies_to<locate_object>::with<object_location>>;

/// What a scheduler lets worker processes say. The only interface that is published on a port.
using scheduler_for_workers = caf::typed_actor<
    /// May I join? Answered with a worker id and the node's store, or with a refusal. The worker is monitored from here
    /// on. The third is the actor in whose name the worker's tasks submit runs.
    caf::replies_to<enrol_request, worker_actor, caf::strong_actor_ptr>::with<enrol_answer, store_for_workers>,
    /// Tasks have ended. Only heard from the enrolled worker itself.
    caf::reacts_to<work_report>,
    /// I am alive. A request: the empty answer tells the worker that the scheduler is, too.
    caf::reacts_to<heartbeat>,
    /// Tasks of this worker wait for others.
    caf::reacts_to<worker_waits>,
    // From clients, and from tasks about the runs that tasks of their worker have submitted:
    /// New runs. Their tasks are pending from here on.
    caf::reacts_to<submit_runs>,
    /// Are enough of these tasks over? The promise of a future's result.
    caf::replies_to<await_tasks>::with<awaited_tasks>,
    /// How are these tasks doing right now?
    caf::replies_to<count_tasks>::with<progress>,
    /// These tasks are not wanted any more.
    caf::reacts_to<cancel_tasks>,
    /// Nobody will ask about these runs any more.
    caf::reacts_to<release_runs>>;

/// Aggregates the states of futures for check_progress and monitor_progress.
using progress_actor = caf::typed_actor<
    /// Counts of a subscription have changed (from the scheduler).
    caf::reacts_to<progress_event>,
    /// Feed this monitor until all its tasks have ended (from a user's thread).
    caf::reacts_to<watch_tasks>,
    /// The monitor has gone.
    caf::reacts_to<unwatch_tasks>,
    /// Time to let the clock go on in every monitor, also when nothing ends (to itself).
    caf::reacts_to<progress_tick>,
    /// How are these tasks doing right now?
    caf::replies_to<count_tasks>::with<progress>>;

/// The scheduler as the client's process sees it.
using scheduler_actor = scheduler_for_workers::extend<
    /// Who is there?
    caf::replies_to<list_workers>::with<worker_list>,
    /// From the store.
    caf::reacts_to<objects_freed>,
    /// Counts go to this progress actor, now, at most every 50 ms while they change, and at the end.
    caf::reacts_to<subscribe_progress, progress_actor>,
    /// From deployment: a process has ended.
    caf::reacts_to<worker_exited>,
    /// From deployment: no process is left.
    caf::reacts_to<workers_exhausted>,
    /// Time to look for silent workers (to itself).
    caf::reacts_to<scheduler_tick>,
    /// Time to tell progress (to itself).
    caf::reacts_to<progress_tick>,
    /// End of the session: all workers are told to stop.
    caf::reacts_to<stop_session>>;

/// The store of a node, as the client's process sees it. Holds the objects; maps and copies nothing.
using store_actor = store_for_workers::extend<
    /// Whom to tell of freed objects.
    caf::reacts_to<scheduler_actor>,
    /// Take this object. An error when its key is taken.
    caf::replies_to<put_object>::with<object_location>,
    /// Find by key; counts as a new reference. An error when there is no such key, or when it has another type.
    caf::replies_to<find_object>::with<object_location>,
    /// What is there?
    caf::replies_to<list_objects>::with<object_list>,
    /// One reference less.
    caf::reacts_to<release_object>,
    /// Forget a key. An error when there is no such key.
    caf::replies_to<drop_key>::with<object_location>>;

/// Registers every type above that can cross a wire. Before the actor system starts.
void add_message_types(caf::actor_system_config& config);

} // namespace daskify::internal

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(daskify::internal::put_object)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(daskify::internal::watch_tasks)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(daskify::internal::unwatch_tasks)
