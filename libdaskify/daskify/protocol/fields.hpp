#pragma once

/// One `inspect` for all messages, generated from the members of each message.

#include "daskify/codec/aggregate.hpp"

#include <type_traits>

namespace daskify::internal {

/// A class that processes the fields of messages: writes, reads or describes them.
template <class Visitor>
concept field_visitor = Visitor::visits_fields;

/// Passes all fields of a message to `f`, in their order, as lvalues. Found by argument-dependent lookup, because
/// visitors are classes of this namespace.
template <field_visitor Visitor, class Message>
requires std::is_aggregate_v<Message>
auto inspect(Visitor& f, Message& x) {
  return with_members<number_of_members<Message>>(x, f);
}

} // namespace daskify::internal
