#pragma once

/// All typed actor interfaces of daskify, and with them all conversations between actors.
///
///   user's thread -> client actor -> scheduler actor -> worker actor -> executor -> user's function
///                      progress actor <-'        |
///                     object directory <--- store actor of the node
///
/// Requests travel down; reports, answers and down messages travel up. A worker does not reply to the message that
/// grants a lease: a task may take hours, and no request may stay open that long. The worker sends reports over the
/// same ordered connection, whenever it has results.

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

// -- messages that never leave a process -------------------------------------------------------------------

class progress_feed;
/// Registers a monitor and its tasks. The feed is filled by the progress actor and read by the user's thread.
struct watch_tasks {
  std::shared_ptr<progress_feed> feed;
  std::vector<run_range> tasks;
};
struct unwatch_tasks {
  std::shared_ptr<progress_feed> feed;
};

/// Work that a thread of a store has finished (see store_actor.hpp).
struct store_event;

// -- interfaces --------------------------------------------------------------------------------------------

/// Any actor that caches values decoded from objects.
using object_listener = caf::typed_actor<
    /// Drop the values cached from these objects.
    caf::reacts_to<objects_freed>>;

/// An actor that represents threads that submit runs.
using client_listener = object_listener::extend<
    /// An unattended run has ended.
    caf::reacts_to<unattended_ended>>;

/// Runs in each worker process, on behalf of the executor, which runs the user's functions.
using worker_actor = object_listener::extend<
    /// New leases and runs, cancellations, recalls.
    caf::reacts_to<work_order>,
    /// Reports are available, or the set of waiting tasks has changed (from the executor's threads, not over the wire).
    caf::reacts_to<executor_has_news>,
    /// Sends a heartbeat, and gives back tasks that are queued behind a slow task (to itself).
    caf::reacts_to<worker_tick>,
    /// End of the session.
    caf::reacts_to<stop_worker>>;

/// Requests of the processes of a node to the store of that node.
using store_for_users = caf::typed_actor<
    /// Registers the sender as a user of objects. The store monitors the sender and notifies the listener of freed
    /// objects.
    caf::replies_to<join_store, object_listener>::with<acknowledged>,
    /// Reserves memory to write to. An error when it does not fit.
    caf::replies_to<reserve_room>::with<room_granted>,
    /// Adds an object. An error when its key is taken.
    caf::replies_to<put_object>::with<acknowledged>,
    /// The same for many small objects.
    caf::reacts_to<put_unkeyed>,
    /// Nothing more is written to this block.
    caf::reacts_to<close_block>,
    /// Returns the location of an object's bytes, which stay there until they are unpinned. An error if the object was
    /// freed.
    caf::replies_to<locate_object>::with<object_location>,
    /// The sender no longer has these objects mapped.
    caf::reacts_to<unpin_objects>,
    // Forwarded to the directory:
    caf::reacts_to<release_object>,
    caf::reacts_to<retain_objects>,                   //
    caf::replies_to<find_object>::with<object_found>, //
    caf::replies_to<drop_key>::with<acknowledged>,    //
    caf::replies_to<list_objects>::with<object_list>,
    caf::replies_to<list_nodes>::with<node_list>, //
    caf::replies_to<spread_object>::with<acknowledged>, caf::replies_to<flush_puts>::with<acknowledged>>;

/// Requests of the object directory to a store.
using store_for_directory = caf::typed_actor<
    /// Frees objects that can no longer be requested.
    caf::reacts_to<free_objects>,
    /// This node is the keeper of this object from now on: it must not drop its copy.
    caf::reacts_to<keep_object>,
    /// Returns the memory and disk usage of the store.
    caf::replies_to<count_store>::with<store_figures>,
    /// Fetches this object. An error when that is not possible.
    caf::replies_to<hold_object>::with<object_held>>;

/// Requests of the stores to the object directory, on behalf of the users named in the messages.
using directory_for_stores = caf::typed_actor<
    /// Adds an object that is on the node of the sending store. An error when its key is taken.
    caf::replies_to<add_object>::with<acknowledged>,
    /// The same for many small objects.
    caf::reacts_to<add_unkeyed>,
    /// Releases one reference.
    caf::reacts_to<release_object>,
    /// The scheduler holds references to these objects, too.
    caf::reacts_to<retain_objects>,
    /// Finds an object by key and adds a reference. An error if there is no such key, or if the object has another
    /// type.
    caf::replies_to<find_object>::with<object_found>,
    /// Removes a key. An error when there is no such key.
    caf::replies_to<drop_key>::with<acknowledged>,
    /// Lists all objects.
    caf::replies_to<list_objects>::with<object_list>,
    /// Lists all nodes.
    caf::replies_to<list_nodes>::with<node_list>,
    /// Copies this object to every node. Answered when every node has it.
    caf::replies_to<spread_object>::with<acknowledged>,
    /// Answered when all objects added before are registered.
    caf::replies_to<flush_puts>::with<acknowledged>,
    /// Returns the nodes to pull this object from. An error if the object was freed or lost.
    caf::replies_to<find_sources>::with<object_sources>,
    /// The store has all of this object.
    caf::reacts_to<object_arrived>,
    /// The store has removed this object, or could not get it.
    caf::reacts_to<object_dropped>>;

/// The store of a node: holds objects in shared memory and on disk, and pulls missing objects from other nodes.
using store_actor = store_for_users::extend_with<store_for_directory>::extend<
    /// Sets the directory that manages the objects. Sent before anything else, from this process.
    caf::reacts_to<directory_for_stores>,
    /// A pull or disk operation has made progress (from the store's threads).
    caf::reacts_to<store_event>,
    /// Answers requests that have waited for too long (to itself).
    caf::reacts_to<store_tick>>;

/// Runs in the process of a node.
using node_actor = caf::typed_actor<
    /// Sends a heartbeat (to itself).
    caf::reacts_to<node_tick>,
    /// This process has received a signal to end (from its signal thread).
    caf::reacts_to<node_leaving>,
    /// End of the session.
    caf::reacts_to<stop_node>>;

/// Runs in the process of a client whose scheduler is in another process.
using link_actor = caf::typed_actor<
    /// Sends a heartbeat (to itself).
    caf::reacts_to<node_tick>>;

/// Keeps track of all objects: on which nodes they are, and who owns references to them.
using directory_actor = directory_for_stores::extend<
    /// Registers a store.
    caf::replies_to<admit_node, store_for_directory>::with<node_admitted>,
    // From the scheduler:
    /// These results, which a worker has stored, now belong to a run.
    caf::reacts_to<claim_objects>,
    /// These results are no longer needed.
    caf::reacts_to<release_objects>,
    /// The scheduler no longer needs these arguments.
    caf::reacts_to<release_arguments>,
    /// Releases all references of this owner.
    caf::reacts_to<owner_gone>,
    /// All copies on this node are lost.
    caf::reacts_to<node_gone>,
    /// Copies the objects that only this node has to another node. Answered when that is done; an error if some of them
    /// could not be moved.
    caf::replies_to<evacuate_node>::with<acknowledged>>;

/// Messages that a scheduler accepts from the processes of workers and nodes.
using scheduler_for_workers = caf::typed_actor<
    /// Requests to join. Answered with a worker id and the store of the scheduler's own node, or with a refusal. The
    /// worker is monitored from here on. The third argument is the actor that submits runs on behalf of the worker's
    /// tasks.
    caf::replies_to<enrol_request, worker_actor, caf::strong_actor_ptr>::with<enrol_answer, store_for_users>,
    /// Requests to join. The third argument represents the node's process, and is monitored from here on.
    caf::replies_to<join_node, store_for_directory, node_actor>::with<node_answer, directory_for_stores>,
    /// A heartbeat. Ignored unless the node has joined.
    caf::reacts_to<node_alive>,
    /// All workers of this node have enrolled. Ignored unless the node has joined.
    caf::reacts_to<node_ready>,
    /// The node received SIGTERM and will exit soon. Ignored unless the node has joined.
    caf::reacts_to<node_leaving>,
    /// A worker's process has ended (from the deployment of this process, or of a node that has joined).
    caf::reacts_to<worker_exited>,
    /// Tasks have ended. Ignored unless sent by the enrolled worker itself.
    caf::reacts_to<work_report>,
    /// A heartbeat. A request: the empty answer confirms to the worker that the scheduler is alive, too.
    caf::reacts_to<heartbeat>,
    /// Tasks of this worker wait for other tasks.
    caf::reacts_to<worker_waits>,
    // From clients, and from tasks for the runs that tasks of their worker have submitted:
    /// New runs. Their tasks are pending from here on.
    caf::reacts_to<submit_runs>,
    /// Answered when enough of these tasks have ended. The basis of a future's result.
    caf::replies_to<await_tasks>::with<awaited_tasks>,
    /// Returns how many of these tasks are in which state.
    caf::replies_to<count_tasks>::with<progress>,
    /// Cancels these tasks.
    caf::reacts_to<cancel_tasks>,
    /// The submitter no longer needs these runs.
    caf::reacts_to<release_runs>>;

/// Aggregates the states of futures for check_progress and monitor_progress.
using progress_actor = caf::typed_actor<
    /// Counts of a subscription have changed (from the scheduler).
    caf::reacts_to<progress_event>,
    /// Updates this monitor until all its tasks have ended (from a user's thread).
    caf::reacts_to<watch_tasks>,
    /// The monitor was destroyed.
    caf::reacts_to<unwatch_tasks>,
    /// Advances the elapsed time in every monitor, also when no task ends (to itself).
    caf::reacts_to<progress_tick>,
    /// Returns how many of these tasks are in which state.
    caf::replies_to<count_tasks>::with<progress>>;

/// The same for clients, also in other processes, which have joined and may refer to their own runs only. This
/// interface is published on the scheduler's port.
using scheduler_for_clients = scheduler_for_workers::extend<
    /// Requests to join with a store. Answered with a client id, or with a refusal. The link is monitored from here on;
    /// the other two actors are those that send messages on behalf of the client.
    caf::replies_to<attach_client, store_for_directory, link_actor, caf::strong_actor_ptr,
                    progress_actor>::with<attach_answer, directory_for_stores>,
    /// A heartbeat. Ignored unless sent by a link.
    caf::replies_to<client_alive>::with<cluster_alive>,
    /// Lists all workers.
    caf::replies_to<list_workers>::with<worker_list>,
    /// Each worker makes this call before it gets further tasks. Accepted from clients only.
    caf::reacts_to<add_start_call>,
    /// Answered when there are this many workers; an error if there never will be. The basis of wait_for_workers. Only
    /// for clients.
    caf::replies_to<await_workers>::with<awaited_workers>,
    /// Returns the state of the cluster, including the runs of other clients. Only for clients.
    caf::replies_to<ask_status>::with<cluster_status>,
    /// Ends the cluster. Accepted only from a client in another process.
    caf::replies_to<end_cluster>::with<acknowledged>,
    /// Sends counts to this progress actor: now, at most every 50 ms while they change, and at the end.
    caf::reacts_to<subscribe_progress, progress_actor>>;

/// The scheduler as seen by its own process.
using scheduler_actor = scheduler_for_clients::extend<
    /// From deployment: a node is to end; a node will end by itself, and when; a node has ended, and no task is to
    /// blame.
    caf::reacts_to<drain_node>, caf::reacts_to<node_time_left>, caf::reacts_to<node_lost>,
    /// From deployment: no worker process is left and none will be started.
    caf::reacts_to<workers_exhausted>,
    /// Checks for silent workers (to itself).
    caf::reacts_to<scheduler_tick>,
    /// Sends progress (to itself).
    caf::reacts_to<progress_tick>,
    /// End of the session: stops all workers.
    caf::reacts_to<stop_session>>;

/// Registers every type in the lists of message_types.hpp, where a new message has to be added. Must be called before
/// the actor system starts. Programs with different `version`s do not connect to each other.
void add_message_types(caf::actor_system_config& config, const std::string& version = wire_version());

} // namespace daskify::internal

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(daskify::internal::store_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(daskify::internal::watch_tasks)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(daskify::internal::unwatch_tasks)

#define DASKIFY_EXTERN_ACTOR(TYPE) extern template class caf::detail::type_erased_value_impl<daskify::internal::TYPE>;
DASKIFY_ACTOR_TYPES(DASKIFY_EXTERN_ACTOR)
#undef DASKIFY_EXTERN_ACTOR
