#pragma once

/// The user's function: its parameters and its encoding.

#include "daskify/codec.hpp"
#include "daskify/text/demangle.hpp"

#include <tuple>
#include <type_traits>
#include <utility>

namespace daskify::internal {

template <class... Ps>
struct parameter_list {};

/// Parameters of a callable as a parameter_list; `void` if they are unknown (generic or overloaded).
template <class F>
struct parameters_of {
  using type = void;
};
template <class R, class... Ps>
struct parameters_of<R (*)(Ps...)> {
  using type = parameter_list<Ps...>;
};
template <class R, class... Ps>
struct parameters_of<R (*)(Ps...) noexcept> : parameters_of<R (*)(Ps...)> {};
template <class R, class C, class... Ps>
struct parameters_of<R (C::*)(Ps...) const> {
  using type = parameter_list<Ps...>;
};
template <class R, class C, class... Ps>
struct parameters_of<R (C::*)(Ps...) const noexcept> : parameters_of<R (C::*)(Ps...) const> {};
template <class F>
requires requires {
  &F::operator();
}
struct parameters_of<F> : parameters_of<decltype(&F::operator())> {};

/// A function whose result is discarded.
template <class F>
struct without_result {
  F f;

  template <class... As>
  requires std::is_invocable_v<const F&, As...>
  void operator()(As&&... as) const { static_cast<void>(f(std::forward<As>(as)...)); }
};
template <class F>
struct parameters_of<without_result<F>> : parameters_of<F> {};
template <class F>
inline constexpr bool drops_result = false;
template <class F>
inline constexpr bool drops_result<without_result<F>> = true;

template <class F>
inline constexpr bool is_function_pointer = std::is_pointer_v<F>&& std::is_function_v<std::remove_pointer_t<F>>;

/// There are no captures to send: the type determines the function.
template <class F>
inline constexpr bool is_stateless = std::is_empty_v<F>&& std::is_trivially_copyable_v<F>;

// For functions that are identified by their addresses.
void write_function(encoder& out, const void* function);
const void* read_function(decoder& in);
std::string name_of_function(const void* function);

template <class F>
void write_callable(encoder& out, const F& f) {
  if constexpr (drops_result<F>) {
    write_callable(out, f.f);
  } else if constexpr (is_function_pointer<F>) {
    write_function(out, reinterpret_cast<const void*>(f));
  } else if constexpr (!is_stateless<F>) {
    static_assert(
        travels<F>,
        "daskify: the captures of this lambda cannot travel to the workers: pointers and references mean nothing in "
        "another process, and C++ gives no access to captures that are not trivially copyable, such as strings and "
        "vectors; pass those values with args(...), or use a struct with operator() whose members can travel");
    out.write(f);
  }
}

template <class F>
F read_callable(decoder& in) {
  if constexpr (drops_result<F>) {
    return F{read_callable<decltype(F::f)>(in)};
  } else if constexpr (is_function_pointer<F>) {
    return reinterpret_cast<F>(const_cast<void*>(read_function(in)));
  } else if constexpr (is_stateless<F>) {
    // Such a lambda may have no default constructor ([=]{}), but any byte is a valid representation of it.
    alignas(F) std::byte storage[sizeof(F)]{};
    return *reinterpret_cast<F*>(storage);
  } else {
    return in.read<F>();
  }
}

/// For messages to users, and to distinguish functions in measurements.
template <class F>
std::string name_of_callable(const F& f) {
  if constexpr (drops_result<F>) {
    return name_of_callable(f.f);
  } else if constexpr (is_function_pointer<F>) {
    return name_of_function(reinterpret_cast<const void*>(f));
  } else {
    return demangle(typeid(F).name());
  }
}

} // namespace daskify::internal
