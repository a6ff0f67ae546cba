#pragma once

/// CAF's holders of a value, specialised for daskify's messages: the holder in a mailbox, in a caf::message, and of a
/// value alone.
///
/// The class templates of CAF 0.17 produce some ten kilobytes of code for each type in each file that sends it:
/// hundreds of megabytes of object files, and most of the library's compile time. A message of daskify is a tuple of
/// one element. The specialisations call a table of functions for each type, and are instantiated in
/// message_types.cpp only.

#include <caf/detail/tuple_vals.hpp>
#include <caf/detail/type_erased_value_impl.hpp>
#include <caf/mailbox_element.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <typeinfo>
#include <utility>

namespace daskify::internal {

/// True for the types in the lists of message_types.hpp. Some of these types are also parts of other messages.
template <class T>
inline constexpr bool is_message = false;

/// The operations that CAF needs on messages of one type. All pointers refer to a value of that type.
struct message_functions {
  const std::type_info& type;
  const char* name;
  caf::error (*save)(caf::serializer& sink, void* value);
  caf::error (*load)(caf::deserializer& source, void* value);
  caf::type_erased_value_ptr (*copy)(const void* value);
  caf::detail::message_data* (*move_to_message)(void* value);
};

/// A tuple of one element, which is a member of the derived class.
template <class Base>
class message_tuple : public Base {
public:
  message_tuple(const message_functions& functions, void* value) : functions_{functions}, value_{value} {}
  message_tuple(const message_tuple&) = delete; // a copy would refer to the original's value
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

/// The content that a caf::message refers to.
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

/// A single value that was read from a wire or copied.
class message_value : public caf::type_erased_value {
public:
  message_value(const message_functions& functions, void* value) : functions_{functions}, value_{value} {}
  message_value(const message_value&) = delete; // a copy would refer to the original's value
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

/// Not part of CAF's class template, because clang 14 finds no definition of a member of a specialization that only a
/// constraint sets apart.
template <class T>
class message_value_of : public message_value {
public:
  explicit message_value_of(T value);
  ~message_value_of() override;

private:
  T value_;
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
class type_erased_value_impl<T> final : public daskify::internal::message_value_of<T> {
public:
  explicit type_erased_value_impl(T value = {}) : daskify::internal::message_value_of<T>{std::move(value)} {}
};

} // namespace detail

} // namespace caf
