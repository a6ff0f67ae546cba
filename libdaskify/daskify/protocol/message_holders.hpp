#pragma once

/// What holds a message in CAF: in a mailbox, in a caf::message, and alone.
///
/// CAF 0.17 has class templates for that, which make some ten kilobytes of code of each type in every file that sends
/// it: hundreds of megabytes of object files, and most of the time that the library takes to compile. Here are
/// specialisations for daskify's messages, each of which is one element. They do the same by a table of functions for
/// each type, and are compiled once, in message_types.cpp.

#include <caf/detail/tuple_vals.hpp>
#include <caf/detail/type_erased_value_impl.hpp>
#include <caf/mailbox_element.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace daskify::internal {

/// A type in the lists of message_types.hpp, which is a whole message as a rule.
template <class T>
inline constexpr bool is_message = false;

/// What CAF asks of a message, for one type. All pointers are to a value of that type.
struct message_functions {
  const std::type_info& type;
  const char* name;
  caf::error (*save)(caf::serializer& sink, void* value);
  caf::error (*load)(caf::deserializer& source, void* value);
  caf::type_erased_value_ptr (*copy)(const void* value);
  caf::detail::message_data* (*move_to_message)(void* value);
};

/// A tuple of one element, which a derived class has.
template <class Base>
class message_tuple : public Base {
public:
  message_tuple(const message_functions& functions, void* value) : functions_{functions}, value_{value} {}
  message_tuple(const message_tuple&) = delete; // the value is in the other one
  message_tuple& operator=(const message_tuple&) = delete;

  std::size_t size() const noexcept final;
  const void* get(std::size_t) const noexcept final;
  void* get_mutable(std::size_t) final;
  std::string stringify(std::size_t) const final;
  using Base::copy;
  caf::type_erased_value_ptr copy(std::size_t) const final;
  caf::error load(std::size_t, caf::deserializer& source) final;
  caf::error save(std::size_t, caf::serializer& sink) const final;
  std::uint32_t type_token() const noexcept final;
  caf::rtti_pair type(std::size_t) const noexcept final;

protected:
  caf::detail::message_data* copy_to_message() const;

  const message_functions& functions_;
  void* const value_;
};

/// A caf::message is a reference to one of these.
class message_alone : public message_tuple<caf::detail::message_data> {
public:
  using message_tuple::message_tuple;

  using message_tuple::copy;
  caf::detail::message_data* copy() const final;
};

class message_in_mailbox : public caf::mailbox_element, public message_tuple<caf::type_erased_tuple> {
public:
  message_in_mailbox(caf::strong_actor_ptr&& from, caf::message_id id, forwarding_stack&& to,
                     const message_functions& functions, void* value);

  caf::type_erased_tuple& content() final;
  const caf::type_erased_tuple& content() const final;
  caf::message move_content_to_message() final;
  caf::message copy_content_to_message() const final;
};

/// What a message that has come over a wire is read into.
class message_value : public caf::type_erased_value {
public:
  message_value(const message_functions& functions, void* value) : functions_{functions}, value_{value} {}
  message_value(const message_value&) = delete; // the value is in the other one
  message_value& operator=(const message_value&) = delete;

  void* get_mutable() final;
  const void* get() const final;
  caf::error load(caf::deserializer& source) final;
  caf::error save(caf::serializer& sink) const final;
  caf::rtti_pair type() const final;
  std::string stringify() const final;
  caf::type_erased_value_ptr copy() const final;

private:
  const message_functions& functions_;
  void* const value_;
};

} // namespace daskify::internal

namespace caf {

template <class T>
requires daskify::internal::is_message<T>
class mailbox_element_vals<T> final : public daskify::internal::message_in_mailbox {
public:
  mailbox_element_vals(strong_actor_ptr&& from, message_id id, forwarding_stack&& to, T value);
  ~mailbox_element_vals() override;

private:
  T value_;
};

namespace detail {

template <class T>
requires daskify::internal::is_message<T>
class tuple_vals<T> final : public daskify::internal::message_alone {
public:
  explicit tuple_vals(T value);
  ~tuple_vals() override;

private:
  T value_;
};

template <class T>
requires daskify::internal::is_message<T>
class type_erased_value_impl<T> final : public daskify::internal::message_value {
public:
  explicit type_erased_value_impl(T value = {});
  ~type_erased_value_impl() override;

private:
  T value_;
};

} // namespace detail

} // namespace caf
