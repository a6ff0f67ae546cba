#pragma once

/// The signature of a function that is called by name, and the values from which its parameters are created.

#include "daskify/program/callable.hpp"
#include "daskify/scattered.hpp"

#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace daskify {

template <class Signature>
class named_function;

namespace internal {

template <class P>
struct value_for {
  using type = std::remove_cvref_t<P>;
};
template <class T>
struct value_for<std::span<const T>> {
  using type = std::vector<T>;
};
template <class C, class Tr>
struct value_for<std::basic_string_view<C, Tr>> {
  using type = std::basic_string<C, Tr>;
};

/// The type sent for a parameter: a value without const and reference; for a view, the type it is a view of.
template <class P>
using parameter_value = typename value_for<std::remove_cvref_t<P>>::type;

/// The parameter is a view of the value that is sent.
template <class P>
inline constexpr bool takes_some_view = !std::is_same_v<parameter_value<P>, std::remove_cvref_t<P>>;

/// A value for the parameter can be sent to a worker, and passed to it.
template <class P>
inline constexpr bool is_named_parameter = [] {
  using V = parameter_value<P>;
  if constexpr (!std::is_object_v<V> || std::is_abstract_v<V> || !std::is_move_constructible_v<V>)
    return false;
  else if constexpr (!travels<V>)
    return false;
  else if constexpr (std::is_rvalue_reference_v<P>)
    return std::is_convertible_v<const V&, V>;
  else
    return std::is_convertible_v<const V&, P>;
}();

/// R(Ps...) of a function pointer.
template <class F>
struct signature_of_pointer;
template <class R, class... Ps>
struct signature_of_pointer<R (*)(Ps...)> {
  using type = R(Ps...);
};
template <class R, class... Ps>
struct signature_of_pointer<R (*)(Ps...) noexcept> : signature_of_pointer<R (*)(Ps...)> {};
template <class F>
using signature_of = typename signature_of_pointer<F>::type;

template <class F>
inline constexpr bool is_named_function = false;
template <class Signature>
inline constexpr bool is_named_function<named_function<Signature>> = true;

/// The type against which a call is checked at compile time.
template <class F>
struct called_as_type {
  using type = F;
};
template <class Signature>
struct called_as_type<named_function<Signature>> {
  using type = Signature*;
};
template <class F>
using called_as = typename called_as_type<F>::type;

/// Signatures whose parameters accept the same values in different ways are equal for calls by name.
template <class Signature>
struct value_signature_of;
template <class R, class... Ps>
struct value_signature_of<R(Ps...)> {
  using type = std::decay_t<R>(parameter_value<Ps>...);
};
template <class Signature>
using value_signature = typename value_signature_of<Signature>::type;

/// Reports at compile time why a function with this signature cannot be called by name.
template <class Signature>
struct require_named_signature {
  static_assert(!std::is_same_v<Signature, Signature>,
                "daskify: a named function is told by its signature, as in named_function<double(double, int)>");
};
template <class R, class... Ps>
struct require_named_signature<R(Ps...)> {
  static_assert(
      (is_named_parameter<Ps> && ...),
      "daskify: a function that is called by name takes values, const references, std::span<const T> and "
      "std::string_view, of types that can travel; a pointer or a reference to what it would change cannot be "
      "one of its parameters");
  static_assert(std::is_void_v<R> || travels<std::conditional_t<std::is_void_v<R>, int, std::decay_t<R>>>,
                "daskify: the function's result cannot travel back from the worker; return values, not pointers or "
                "views");
};

} // namespace internal

} // namespace daskify
