#pragma once

/// The types of all messages between actors. Registration and instantiation use these lists.

#include "daskify/protocol/message_holders.hpp"
#include "daskify/protocol/messages.hpp"
#include "daskify/protocol/own_messages.hpp"
#include "daskify/protocol/store_messages.hpp"

#include <caf/deserializer.hpp>
#include <caf/serializer.hpp>

// clang-format off

/// Messages between clients, the scheduler, workers and nodes; enrol_request must be first (see actors.cpp).
#define DASKIFY_MESSAGES(EACH)                                                                                         \
  EACH(enrol_request) EACH(run_range) EACH(failure) EACH(result_block) EACH(run_spec) EACH(enrol_answer)               \
  EACH(work_order) EACH(work_report) EACH(heartbeat) EACH(worker_waits) EACH(stop_worker) EACH(node_tick)              \
  EACH(node_alive) EACH(join_node) EACH(node_answer) EACH(node_ready) EACH(node_leaving) EACH(worker_exited)           \
  EACH(stop_node) EACH(attach_client) EACH(attach_answer) EACH(client_alive) EACH(cluster_alive)                       \
  EACH(executor_has_news) EACH(worker_tick) EACH(submit_runs) EACH(unattended_ended) EACH(add_start_call)              \
  EACH(await_tasks) EACH(awaited_tasks) EACH(count_tasks) EACH(cancel_tasks) EACH(release_runs) EACH(list_workers)     \
  EACH(worker_list) EACH(await_workers) EACH(awaited_workers) EACH(ask_status) EACH(cluster_status)                    \
  EACH(end_cluster) EACH(drain_node) EACH(node_time_left) EACH(node_lost) EACH(workers_exhausted)                      \
  EACH(subscribe_progress) EACH(progress_event) EACH(store_tick) EACH(scheduler_tick) EACH(progress_tick)              \
  EACH(stop_session)

/// Messages between stores, the directory and their users.
#define DASKIFY_STORE_MESSAGES(EACH)                                                                                   \
  EACH(acknowledged) EACH(join_store) EACH(reserve_room) EACH(room_granted) EACH(put_object) EACH(put_unkeyed)         \
  EACH(add_unkeyed) EACH(close_block) EACH(locate_object) EACH(object_location) EACH(unpin_objects)                    \
  EACH(objects_freed) EACH(release_object) EACH(retain_objects) EACH(find_object) EACH(object_found) EACH(drop_key)    \
  EACH(list_objects) EACH(object_list) EACH(spread_object) EACH(list_nodes) EACH(node_list) EACH(count_store)          \
  EACH(store_figures) EACH(flush_puts) EACH(admit_node) EACH(node_admitted) EACH(evacuate_node) EACH(add_object)       \
  EACH(find_sources) EACH(object_sources) EACH(object_arrived) EACH(object_dropped) EACH(free_objects)                 \
  EACH(keep_object) EACH(hold_object) EACH(object_held) EACH(claim_objects) EACH(release_objects)                      \
  EACH(release_arguments) EACH(owner_gone) EACH(node_gone)

/// Actor handles, which are sent as parts of messages; their types are in actors.hpp.
#define DASKIFY_ACTOR_TYPES(EACH)                                                                                      \
  EACH(worker_actor) EACH(node_actor) EACH(object_listener) EACH(store_for_users) EACH(store_for_directory)            \
  EACH(directory_for_stores) EACH(scheduler_for_workers) EACH(link_actor) EACH(scheduler_for_clients)                  \
  EACH(directory_actor) EACH(store_actor) EACH(scheduler_actor) EACH(progress_actor)

// clang-format on

/// Types of the public namespace.
#define DASKIFY_PUBLIC_TYPES(EACH) EACH(progress)

namespace daskify::internal {

using daskify::progress; // sent as it is

#define DASKIFY_IS_MESSAGE(TYPE)                                                                                       \
  template <>                                                                                                          \
  inline constexpr bool is_message<TYPE> = true;
DASKIFY_MESSAGES(DASKIFY_IS_MESSAGE)
DASKIFY_STORE_MESSAGES(DASKIFY_IS_MESSAGE)
DASKIFY_PUBLIC_TYPES(DASKIFY_IS_MESSAGE)
#undef DASKIFY_IS_MESSAGE

} // namespace daskify::internal

/// Declares the functions that write and read a type.
#define DASKIFY_DECLARE_MESSAGE(TYPE)                                                                                  \
  caf::error inspect(caf::serializer& sink, TYPE& x);                                                                  \
  caf::error inspect(caf::deserializer& source, TYPE& x);

namespace daskify {

DASKIFY_PUBLIC_TYPES(DASKIFY_DECLARE_MESSAGE)

namespace internal {

DASKIFY_MESSAGES(DASKIFY_DECLARE_MESSAGE)
DASKIFY_STORE_MESSAGES(DASKIFY_DECLARE_MESSAGE)

} // namespace internal

} // namespace daskify

#undef DASKIFY_DECLARE_MESSAGE
