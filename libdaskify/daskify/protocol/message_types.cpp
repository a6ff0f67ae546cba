#include "daskify/protocol/actors.hpp"
#include "daskify/protocol/wire.hpp"

#include <typeinfo>
#include <utility>

namespace daskify::internal {

namespace {

template <class T>
caf::error save(caf::serializer& sink, void* value) {
  wire_writer writer{sink};
  inspect(writer, *static_cast<T*>(value));
  return writer.take_error();
}

template <class T>
caf::error load(caf::deserializer& source, void* value) {
  wire_reader reader{source};
  inspect(reader, *static_cast<T*>(value));
  return reader.take_error();
}

template <class T>
caf::type_erased_value_ptr copy(const void* value) {
  return caf::type_erased_value_ptr{new caf::detail::type_erased_value_impl<T>{*static_cast<const T*>(value)}};
}

template <class T>
caf::detail::message_data* move_to_message(void* value) {
  return new caf::detail::tuple_vals<T>{std::move(*static_cast<T*>(value))};
}

/// The name of T in the lists, for logs.
template <class T>
constexpr const char* name_of = nullptr;

#define DASKIFY_NAME(TYPE)                                                                                             \
  template <>                                                                                                          \
  constexpr const char* name_of<TYPE> = #TYPE;
DASKIFY_MESSAGES(DASKIFY_NAME)
DASKIFY_STORE_MESSAGES(DASKIFY_NAME)
DASKIFY_PUBLIC_TYPES(DASKIFY_NAME)
#undef DASKIFY_NAME

template <class T>
constexpr message_functions functions_of{typeid(T), name_of<T>, save<T>, load<T>, copy<T>, move_to_message<T>};

} // namespace

} // namespace daskify::internal

namespace caf {

template <class T>
requires daskify::internal::is_message<T>
mailbox_element_vals<T>::mailbox_element_vals(strong_actor_ptr&& from, message_id id, forwarding_stack&& to, T value)
    : message_in_mailbox{std::move(from), id, std::move(to), daskify::internal::functions_of<T>, &value_},
      value_{std::move(value)} {}

template <class T>
requires daskify::internal::is_message<T> mailbox_element_vals<T>::~mailbox_element_vals() = default;

namespace detail {

template <class T>
requires daskify::internal::is_message<T> tuple_vals<T>::tuple_vals(T value)
    : message_alone{daskify::internal::functions_of<T>, &value_},
      value_{std::move(value)} {}

template <class T>
requires daskify::internal::is_message<T> tuple_vals<T>::~tuple_vals() = default;

} // namespace detail

} // namespace caf

namespace daskify::internal {

template <class T>
message_value_of<T>::message_value_of(T value) : message_value{functions_of<T>, &value_},
                                                 value_{std::move(value)} {}

template <class T>
message_value_of<T>::~message_value_of() = default;

} // namespace daskify::internal

namespace daskify {

#define DASKIFY_DEFINE_INSPECT(TYPE)                                                                                   \
  caf::error inspect(caf::serializer& sink, TYPE& x) {                                                                 \
    return internal::save<TYPE>(sink, &x);                                                                             \
  }                                                                                                                    \
  caf::error inspect(caf::deserializer& source, TYPE& x) {                                                             \
    return internal::load<TYPE>(source, &x);                                                                           \
  }

DASKIFY_PUBLIC_TYPES(DASKIFY_DEFINE_INSPECT)

namespace internal {

DASKIFY_MESSAGES(DASKIFY_DEFINE_INSPECT)
DASKIFY_STORE_MESSAGES(DASKIFY_DEFINE_INSPECT)
#undef DASKIFY_DEFINE_INSPECT

} // namespace internal

} // namespace daskify

#define DASKIFY_DEFINE_HOLDERS(TYPE)                                                                                   \
  template class caf::detail::tuple_vals<daskify::internal::TYPE>;                                                     \
  template class daskify::internal::message_value_of<daskify::internal::TYPE>;                                         \
  template class caf::mailbox_element_vals<daskify::internal::TYPE>;
DASKIFY_MESSAGES(DASKIFY_DEFINE_HOLDERS)
DASKIFY_STORE_MESSAGES(DASKIFY_DEFINE_HOLDERS)
DASKIFY_PUBLIC_TYPES(DASKIFY_DEFINE_HOLDERS)
#undef DASKIFY_DEFINE_HOLDERS
