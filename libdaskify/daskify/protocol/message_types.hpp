#pragma once

/// The list of every type that actors send, by which types are registered and instantiated.
///
/// CAF makes some ten kilobytes of code of each type that is sent. Where the type is in this list, that code is
/// compiled once, in message_types.cpp and store_message_types.cpp, and not again in every file that sends the type.

#include <caf/deserializer.hpp>
#include <caf/detail/stringification_inspector.hpp>
#include <caf/detail/tuple_vals.hpp>
#include <caf/detail/type_erased_value_impl.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/serializer.hpp>

#include <string>
#include <tuple>
#include <utility>

// clang-format off

/// What clients, the scheduler, workers and nodes say to each other; enrol_request is first (see actors.cpp).
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

/// What stores, the directory and users of both say to each other.
#define DASKIFY_STORE_MESSAGES(EACH)                                                                                   \
  EACH(acknowledged) EACH(join_store) EACH(reserve_room) EACH(room_granted) EACH(put_object) EACH(put_unkeyed)         \
  EACH(add_unkeyed) EACH(close_block) EACH(locate_object) EACH(object_location) EACH(unpin_objects)                    \
  EACH(objects_freed) EACH(release_object) EACH(retain_objects) EACH(find_object) EACH(object_found) EACH(drop_key)    \
  EACH(list_objects) EACH(object_list) EACH(spread_object) EACH(list_nodes) EACH(node_list) EACH(count_store)          \
  EACH(store_figures) EACH(flush_puts) EACH(admit_node) EACH(node_admitted) EACH(evacuate_node) EACH(add_object)       \
  EACH(find_sources) EACH(object_sources) EACH(object_arrived) EACH(object_dropped) EACH(free_objects)                 \
  EACH(keep_object) EACH(hold_object) EACH(object_held) EACH(claim_objects) EACH(release_objects)                      \
  EACH(release_arguments) EACH(owner_gone) EACH(node_gone)

/// Actors, which are sent as parts of messages.
#define DASKIFY_ACTOR_TYPES(EACH)                                                                                      \
  EACH(worker_actor) EACH(node_actor) EACH(object_listener) EACH(store_for_users) EACH(store_for_directory)            \
  EACH(directory_for_stores) EACH(scheduler_for_workers) EACH(link_actor) EACH(scheduler_for_clients)                  \
  EACH(directory_actor) EACH(store_actor) EACH(scheduler_actor) EACH(progress_actor)

// clang-format on

/// Types of the public namespace, which have no functions of their own for CAF.
#define DASKIFY_PUBLIC_TYPES(EACH) EACH(shared_bytes) EACH(progress)

namespace daskify::internal {

/// A type of the lists above, which is a whole message as a rule.
template <class T>
inline constexpr bool is_message = false;
#define DASKIFY_IS_MESSAGE(TYPE)                                                                                       \
  template <>                                                                                                          \
  inline constexpr bool is_message<TYPE> = true;
DASKIFY_MESSAGES(DASKIFY_IS_MESSAGE)
DASKIFY_STORE_MESSAGES(DASKIFY_IS_MESSAGE)
DASKIFY_PUBLIC_TYPES(DASKIFY_IS_MESSAGE)
#undef DASKIFY_IS_MESSAGE

} // namespace daskify::internal

namespace caf::detail {

/// Does what CAF 0.17's general one does, for a single element. That one makes 88 functions of each type, to find the
/// element among ten.
template <class Base, class T>
requires daskify::internal::is_message<T>
class tuple_vals_impl<Base, T> : public Base {
public:
  using super = message_data;
  using data_type = std::tuple<T>;

  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, tuple_vals_impl& x) {
    return f(std::get<0>(x.data_));
  }

  tuple_vals_impl(const tuple_vals_impl&) = default;
  template <class... Us>
  tuple_vals_impl(Us&&... values) : data_(std::forward<Us>(values)...),
                                    type_{make_rtti_pair<T>()} {}

  data_type& data() { return data_; }
  const data_type& data() const { return data_; }

  std::size_t size() const noexcept override { return 1; }
  const void* get(std::size_t) const noexcept override { return &std::get<0>(data_); }
  void* get_mutable(std::size_t) override { return &std::get<0>(data_); }

  std::string stringify(std::size_t) const override {
    std::string text;
    stringification_inspector f{text};
    f(element());
    return text;
  }

  using Base::copy;
  type_erased_value_ptr copy(std::size_t) const override { return make_type_erased_value<T>(std::get<0>(data_)); }

  error load(std::size_t, deserializer& source) override { return inspect(source, element()); }
  error save(std::size_t, serializer& sink) const override { return inspect(sink, element()); }

  std::uint32_t type_token() const noexcept override { return make_type_token<T>(); }
  rtti_pair type(std::size_t) const noexcept override { return type_; }

private:
  /// A serialiser takes what it only reads as something that it may change.
  T& element() const { return const_cast<T&>(std::get<0>(data_)); }

  data_type data_;
  rtti_pair type_;
};

} // namespace caf::detail

/// DECLARE is `extern` or nothing.
#define DASKIFY_INSTANTIATE_VALUE(DECLARE, TYPE)                                                                       \
  DECLARE template class caf::detail::type_erased_value_impl<daskify::internal::TYPE>;
#define DASKIFY_INSTANTIATE_MESSAGE(DECLARE, TYPE)                                                                     \
  DASKIFY_INSTANTIATE_VALUE(DECLARE, TYPE)                                                                             \
  DECLARE template class caf::detail::tuple_vals_impl<caf::detail::message_data, daskify::internal::TYPE>;             \
  DECLARE template class caf::detail::tuple_vals<daskify::internal::TYPE>;                                             \
  DECLARE template class caf::detail::tuple_vals_impl<caf::type_erased_tuple, daskify::internal::TYPE>;

/// How a type is written, read and printed: functions instead of the templates beside the types, which would be
/// instantiated and inlined at each use.
#define DASKIFY_DECLARE_INSPECT(TYPE)                                                                                  \
  caf::error inspect(caf::serializer& sink, TYPE& x);                                                                  \
  caf::error inspect(caf::deserializer& source, TYPE& x);                                                              \
  void inspect(caf::detail::stringification_inspector& text, TYPE& x);
#define DASKIFY_DEFINE_INSPECT(TYPE)                                                                                   \
  caf::error inspect(caf::serializer& sink, TYPE& x) {                                                                 \
    return inspect<caf::serializer>(sink, x);                                                                          \
  }                                                                                                                    \
  caf::error inspect(caf::deserializer& source, TYPE& x) {                                                             \
    return inspect<caf::deserializer>(source, x);                                                                      \
  }                                                                                                                    \
  void inspect(caf::detail::stringification_inspector& text, TYPE& x) {                                                \
    inspect<caf::detail::stringification_inspector>(text, x);                                                          \
  }

namespace daskify::internal {

DASKIFY_MESSAGES(DASKIFY_DECLARE_INSPECT)
DASKIFY_STORE_MESSAGES(DASKIFY_DECLARE_INSPECT)

} // namespace daskify::internal

#define DASKIFY_EXTERN_MESSAGE(TYPE) DASKIFY_INSTANTIATE_MESSAGE(extern, TYPE)
#define DASKIFY_EXTERN_VALUE(TYPE) DASKIFY_INSTANTIATE_VALUE(extern, TYPE)
DASKIFY_MESSAGES(DASKIFY_EXTERN_MESSAGE)
DASKIFY_STORE_MESSAGES(DASKIFY_EXTERN_MESSAGE)
DASKIFY_PUBLIC_TYPES(DASKIFY_EXTERN_MESSAGE)
DASKIFY_ACTOR_TYPES(DASKIFY_EXTERN_VALUE)
#undef DASKIFY_EXTERN_MESSAGE
#undef DASKIFY_EXTERN_VALUE
