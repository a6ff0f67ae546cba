#pragma once

/// Every typed actor interface of daskify, and with that every conversation there is.
///
///   user's thread -> client actor -> scheduler actor -> worker actor -> executor -> user's function
///                      progress actor <-'        |
///                     object directory <--- store actor of the node
///
/// Requests travel down; reports, answers and down messages travel up. A worker that is granted a lease does not
/// reply to that message: a task may take hours, and no request may stay open so long. It reports, as often as it has
/// results, over the same ordered connection.

#include "daskify/protocol/message_types.hpp"
#include "daskify/protocol/messages.hpp"
#include "daskify/protocol/store_messages.hpp"
#include "daskify/protocol/wire_version.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <memory>

namespace daskify::internal {

// -- what never leaves a process ---------------------------------------------------------------------------

class progress_feed;
/// A monitor and what it watches. The feed is filled by the progress actor and read by the user's thread.
struct watch_tasks {
  std::shared_ptr<progress_feed> feed;
  std::vector<run_range> tasks;
};
struct unwatch_tasks {
  std::shared_ptr<progress_feed> feed;
};

/// What the threads of a store have done (see store_actor.hpp).
struct store_event;

// -- interfaces --------------------------------------------------------------------------------------------

/// Any actor that caches values decoded from objects.
using object_listener = caf::typed_actor<
    /// Let go of what was made of these.
    caf::reacts_to<objects_freed>>;

/// An actor that speaks for threads that submit runs.
using client_listener = object_listener::extend<
    /// An unattended run has ended.
    caf::reacts_to<unattended_ended>>;

/// Runs in each worker process. Speaks for the executor, which runs the user's functions.
using worker_actor = object_listener::extend<
    /// More to do, or less.
    caf::reacts_to<work_order>,
    /// There are reports, or other tasks wait than before (from the executor's threads, not over the wire).
    caf::reacts_to<executor_has_news>,
    /// Time to say that we are alive, and to give back work that waits behind a slow task (to itself).
    caf::reacts_to<worker_tick>,
    /// End of the session.
    caf::reacts_to<stop_worker>>;

/// What a store does for the processes of its node.
using store_for_users = caf::typed_actor<
    /// May I use objects? Whoever says this is monitored; the listener is told what is freed.
    caf::replies_to<join_store, object_listener>::with<acknowledged>,
    /// May I write so much? An error when it does not fit.
    caf::replies_to<reserve_room>::with<room_granted>,
    /// Take this object. An error when its key is taken.
    caf::replies_to<put_object>::with<acknowledged>,
    /// The same for many small ones.
    caf::reacts_to<put_unkeyed>,
    /// Nothing more comes into this block.
    caf::reacts_to<close_block>,
    /// Where are this object's bytes? They stay there until they are unpinned. An error when it is gone.
    caf::replies_to<locate_object>::with<object_location>,
    /// These are not mapped any more.
    caf::reacts_to<unpin_objects>,
    // Passed on to the directory:
    caf::reacts_to<release_object>,
    caf::reacts_to<retain_objects>,                   //
    caf::replies_to<find_object>::with<object_found>, //
    caf::replies_to<drop_key>::with<acknowledged>,    //
    caf::replies_to<list_objects>::with<object_list>,
    caf::replies_to<list_nodes>::with<node_list>, //
    caf::replies_to<spread_object>::with<acknowledged>, caf::replies_to<flush_puts>::with<acknowledged>>;

/// What a store does for the object directory.
using store_for_directory = caf::typed_actor<
    /// Nobody can ask for these any more.
    caf::reacts_to<free_objects>,
    /// No other node keeps this one any more.
    caf::reacts_to<keep_object>,
    /// What is there?
    caf::replies_to<count_store>::with<store_figures>,
    /// Have this one. An error when that is not possible.
    caf::replies_to<hold_object>::with<object_held>>;

/// What the object directory does for the stores, whose users' names are in the messages.
using directory_for_stores = caf::typed_actor<
    /// This object is new, and on the node of the store that says so. An error when its key is taken.
    caf::replies_to<add_object>::with<acknowledged>,
    /// The same for many small ones.
    caf::reacts_to<add_unkeyed>,
    /// One reference less.
    caf::reacts_to<release_object>,
    /// The scheduler holds these, too.
    caf::reacts_to<retain_objects>,
    /// Find by key; counts as a new reference. An error when there is no such key, or when it has another type.
    caf::replies_to<find_object>::with<object_found>,
    /// Forget a key. An error when there is no such key.
    caf::replies_to<drop_key>::with<acknowledged>,
    /// What is there?
    caf::replies_to<list_objects>::with<object_list>,
    /// Which nodes are there?
    caf::replies_to<list_nodes>::with<node_list>,
    /// Bring this object to every node. Answered when it is everywhere.
    caf::replies_to<spread_object>::with<acknowledged>,
    /// All that was added before is known.
    caf::replies_to<flush_puts>::with<acknowledged>,
    /// Where can this object be pulled from? An error when it is gone.
    caf::replies_to<find_sources>::with<object_sources>,
    /// The store has all of this object.
    caf::reacts_to<object_arrived>,
    /// The store has it no more, or has not got it.
    caf::reacts_to<object_dropped>>;

/// The store of a node: holds objects in shared memory and on disk, and pulls what it lacks from other nodes.
using store_actor = store_for_users::extend_with<store_for_directory>::extend<
    /// Which directory knows the objects. Before all else, from this process.
    caf::reacts_to<directory_for_stores>,
    /// A pull, or work on the disk, has made progress (from the store's threads).
    caf::reacts_to<store_event>,
    /// Time to look for those who have waited long (to itself).
    caf::reacts_to<store_tick>>;

/// Runs in the process of a node.
using node_actor = caf::typed_actor<
    /// Time to say that we are alive (to itself).
    caf::reacts_to<node_tick>,
    /// This process has been asked to end (from its signal thread).
    caf::reacts_to<node_leaving>,
    /// End of the session.
    caf::reacts_to<stop_node>>;

/// Runs in the process of a client whose scheduler is in another one.
using link_actor = caf::typed_actor<
    /// Time to say that we are alive (to itself).
    caf::reacts_to<node_tick>>;

/// Which objects there are, where, and who holds them.
using directory_actor = directory_for_stores::extend<
    /// A store takes part.
    caf::replies_to<admit_node, store_for_directory>::with<node_admitted>,
    // From the scheduler:
    /// These results, which a worker has stored, are part of a run now.
    caf::reacts_to<claim_objects>,
    /// These results are not needed any more.
    caf::reacts_to<release_objects>,
    /// The scheduler no longer needs these arguments.
    caf::reacts_to<release_arguments>,
    /// What this owner holds is released.
    caf::reacts_to<owner_gone>,
    /// What was there is gone.
    caf::reacts_to<node_gone>,
    /// Bring what only this node has to another. Answered when that is done; an error when not all of it could be
    /// moved.
    caf::replies_to<evacuate_node>::with<acknowledged>>;

/// What a scheduler lets the processes of workers and nodes say.
using scheduler_for_workers = caf::typed_actor<
    /// May I join? Answered with a worker id and the store of the scheduler's own node, or with a refusal. The worker
    /// is monitored from here on. The third is the actor in whose name the worker's tasks submit runs.
    caf::replies_to<enrol_request, worker_actor, caf::strong_actor_ptr>::with<enrol_answer, store_for_users>,
    /// May this node join? The third speaks for the node's process, and is monitored from here on.
    caf::replies_to<join_node, store_for_directory, node_actor>::with<node_answer, directory_for_stores>,
    /// I am alive. Only heard from a node that has joined.
    caf::reacts_to<node_alive>,
    /// All workers of this node are there. Only heard from a node that has joined.
    caf::reacts_to<node_ready>,
    /// The node received SIGTERM and will exit soon. Only heard from a node that has joined.
    caf::reacts_to<node_leaving>,
    /// A worker's process has ended (from the deployment of this process, or of a node that has joined).
    caf::reacts_to<worker_exited>,
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

/// The same for clients, also those in other processes, which have joined and speak of their own runs only. This is
/// what is published on the scheduler's port.
using scheduler_for_clients = scheduler_for_workers::extend<
    /// May I join, with a store? Answered with a client id, or with a refusal. The link is monitored from here on; the
    /// other two are those in whose names the client speaks.
    caf::replies_to<attach_client, store_for_directory, link_actor, caf::strong_actor_ptr,
                    progress_actor>::with<attach_answer, directory_for_stores>,
    /// I am alive. Only heard from a link.
    caf::replies_to<client_alive>::with<cluster_alive>,
    /// Who is there?
    caf::replies_to<list_workers>::with<worker_list>,
    /// Each worker makes this call before it gets further tasks. Only heard from clients.
    caf::reacts_to<add_start_call>,
    /// Are there so many workers? The promise of wait_for_workers; an error when there never will be. Only for clients.
    caf::replies_to<await_workers>::with<awaited_workers>,
    /// How is all of it, with what others have submitted? Only for clients.
    caf::replies_to<ask_status>::with<cluster_status>,
    /// The cluster is to end. Only heard from a client in another process.
    caf::replies_to<end_cluster>::with<acknowledged>,
    /// Counts go to this progress actor, now, at most every 50 ms while they change, and at the end.
    caf::reacts_to<subscribe_progress, progress_actor>>;

/// The scheduler as its own process sees it.
using scheduler_actor = scheduler_for_clients::extend<
    /// From deployment: a node will end, by order; when, by itself; it has, and no task is to blame.
    caf::reacts_to<drain_node>, caf::reacts_to<node_time_left>, caf::reacts_to<node_lost>,
    /// From deployment: no process is left.
    caf::reacts_to<workers_exhausted>,
    /// Time to look for silent workers (to itself).
    caf::reacts_to<scheduler_tick>,
    /// Time to tell progress (to itself).
    caf::reacts_to<progress_tick>,
    /// End of the session: all workers are told to stop.
    caf::reacts_to<stop_session>>;

/// Registers every type in the lists of message_types.hpp, where a new message has to be added. Before the actor system
/// starts. Programs with different `version`s do not connect to each other.
void add_message_types(caf::actor_system_config& config, const std::string& version = wire_version());

} // namespace daskify::internal

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(daskify::internal::store_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(daskify::internal::watch_tasks)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(daskify::internal::unwatch_tasks)

#define DASKIFY_EXTERN_ACTOR(TYPE) extern template class caf::detail::type_erased_value_impl<daskify::internal::TYPE>;
DASKIFY_ACTOR_TYPES(DASKIFY_EXTERN_ACTOR)
#undef DASKIFY_EXTERN_ACTOR
