#include "daskify/protocol/message_holders.hpp"

#include <utility>

namespace daskify::internal {

template <class Base>
std::size_t message_tuple<Base>::size() const noexcept {
  return 1;
}

template <class Base>
const void* message_tuple<Base>::get(std::size_t) const noexcept {
  return value_;
}

template <class Base>
void* message_tuple<Base>::get_mutable(std::size_t) {
  return value_;
}

/// The name only: a message may hold megabytes of results, and the name is what helps in a log.
template <class Base>
std::string message_tuple<Base>::stringify(std::size_t) const {
  return functions_.name;
}

template <class Base>
caf::type_erased_value_ptr message_tuple<Base>::copy(std::size_t) const {
  return functions_.copy(value_);
}

template <class Base>
caf::error message_tuple<Base>::load(std::size_t, caf::deserializer& source) {
  return functions_.load(source, value_);
}

template <class Base>
caf::error message_tuple<Base>::save(std::size_t, caf::serializer& sink) const {
  return functions_.save(sink, value_);
}

template <class Base>
std::uint32_t message_tuple<Base>::type_token() const noexcept {
  constexpr std::uint32_t no_elements = 0xFFFFFFFF;
  constexpr std::uint16_t not_built_in = 0;
  return caf::add_to_type_token(no_elements, not_built_in);
}

template <class Base>
caf::rtti_pair message_tuple<Base>::type(std::size_t) const noexcept {
  return {0, &functions_.type};
}

template <class Base>
caf::detail::message_data* message_tuple<Base>::copy_to_message() const {
  return functions_.move_to_message(functions_.copy(value_)->get_mutable());
}

template class message_tuple<caf::detail::message_data>;
template class message_tuple<caf::type_erased_tuple>;

caf::detail::message_data* message_alone::copy() const {
  return copy_to_message();
}

namespace {

caf::message owned(caf::detail::message_data* data) {
  return caf::message{caf::detail::message_data::cow_ptr{caf::intrusive_ptr<caf::detail::message_data>{data, false}}};
}

} // namespace

message_in_mailbox::message_in_mailbox(caf::strong_actor_ptr&& from, caf::message_id id, forwarding_stack&& to,
                                       const message_functions& functions, void* value)
    : mailbox_element{std::move(from), id, std::move(to)},
      message_tuple{functions, value} {}

caf::type_erased_tuple& message_in_mailbox::content() {
  return *this;
}

const caf::type_erased_tuple& message_in_mailbox::content() const {
  return *this;
}

caf::message message_in_mailbox::move_content_to_message() {
  return owned(functions_.move_to_message(value_));
}

caf::message message_in_mailbox::copy_content_to_message() const {
  return owned(copy_to_message());
}

void* message_value::get_mutable() {
  return value_;
}

const void* message_value::get() const {
  return value_;
}

caf::error message_value::load(caf::deserializer& source) {
  return functions_.load(source, value_);
}

caf::error message_value::save(caf::serializer& sink) const {
  return functions_.save(sink, value_);
}

caf::rtti_pair message_value::type() const {
  return {0, &functions_.type};
}

std::string message_value::stringify() const {
  return functions_.name;
}

caf::type_erased_value_ptr message_value::copy() const {
  return functions_.copy(value_);
}

} // namespace daskify::internal
