#pragma once

/// A call by name, or of a registered function, as bytes. Their reader (named_program) knows the function's signature
/// only; therefore they contain for each parameter where its values come from.

#include "daskify/code/type_label.hpp"
#include "daskify/iterables.hpp"
#include "daskify/program/number.hpp"
#include "daskify/program/signature.hpp"
#include "daskify/program/sweep_program.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace daskify::internal {

/// The source of a parameter's values, and the data that follow in the description.
enum class value_source : std::uint8_t {
  value = 1,   ///< as argument<V, P>: one value for all tasks
  scattered,   ///< a number_kind, then as argument<scattered<T>, P>
  future,      ///< a number_kind, then as argument<future<T>, P>
  integers,    ///< a number_kind, then start, step and count as uint64: an integer_range<T>
  linear,      ///< a linear_space
  logarithmic, ///< a logarithmic_space
  values,      ///< as factor<std::vector<V>>, or as bool_values
  futures      ///< a number_kind, then as factor<std::vector<future<T>>>
};

inline void write_source(encoder& out, value_source source) {
  out.write(static_cast<std::uint8_t>(source));
}
/// An argument that the worker creates as a T; Writer encodes it for parameter P.
template <value_source Source, class P, class T, class Writer>
struct made_by_worker {
  using V = parameter_value<P>;
  static constexpr bool is_possible = std::is_same_v<T, V> || is_number_for<T, V>;
  template <class Told>
  static void write(encoder& out, run_draft& draft, const Told& value) {
    write_source(out, Source);
    out.write(std::is_same_v<T, V> ? expected_type : kind_of_number<T>);
    Writer::write(out, draft, value);
  }
};

/// Values of type T, which the client converts to the parameter's type.
template <class P, class T>
struct value_maker {
  using V = parameter_value<P>;

  static constexpr bool is_possible = [] {
    if constexpr (std::is_same_v<T, V>)
      return true;
    else if constexpr (std::is_base_of_v<V, T>)
      return false; // it would be sliced to its base, which a call by reference does not do
    else if constexpr (takes_some_view<P>)
      return std::is_convertible_v<const T&, std::remove_cvref_t<P>>;
    else
      return std::is_convertible_v<const T&, V>;
  }();

  static decltype(auto) make(const T& from) {
    if constexpr (!travels<T>)
      static_cast<void>(type_that_cannot_travel<culprit<T>>{}); // the same error as if the worker created the values
    if constexpr (std::is_same_v<T, V>) {
      return static_cast<const V&>(from);
    } else if constexpr (takes_some_view<P>) {
      std::remove_cvref_t<P> view = from;
      return V(view.begin(), view.end());
    } else {
      return converted_to<V>(from);
    }
  }
};

// -- a parameter with the same value for all tasks -------------------------------------------------------------

/// Encodes an argument of type A for the parameter P.
template <class P, class A>
struct named_argument {
  static constexpr bool is_possible = value_maker<P, A>::is_possible;
  static void write(encoder& out, run_draft& draft, const A& value) {
    using V = parameter_value<P>;
    write_source(out, value_source::value);
    argument<V, P>::write(out, draft, value_maker<P, A>::make(value));
  }
};

template <class P, class T>
struct named_argument<P, scattered<T>> : made_by_worker<value_source::scattered, P, T, argument<scattered<T>, P>> {};
template <class P, class R>
struct named_argument<P, future<R>> : made_by_worker<value_source::future, P, R, argument<future<R>, P>> {};

// -- a parameter with different values ---------------------------------------------------------------------------

/// Encodes an iterable for the parameter P.
template <class P, class It>
struct named_factor {
  static constexpr bool is_possible = false;
};

template <class P, class T>
struct named_factor<P, integer_range<T>> {
  static constexpr bool is_possible = is_number_for<T, parameter_value<P>>;
  static void write(encoder& out, run_draft&, const integer_range<T>& range) {
    write_source(out, value_source::integers);
    out.write(kind_of_number<T>);
    out.write(static_cast<std::uint64_t>(range.start));
    out.write(static_cast<std::uint64_t>(range.step));
    out.write(range.count);
  }
};

template <value_source Source, class P, class Space>
struct named_space {
  static constexpr bool is_possible = is_number_for<double, parameter_value<P>>;
  static void write(encoder& out, run_draft& draft, const Space& space) {
    write_source(out, Source);
    factor<Space>::write(out, draft, space);
  }
};
template <class P>
struct named_factor<P, linear_space> : named_space<value_source::linear, P, linear_space> {};
template <class P>
struct named_factor<P, logarithmic_space> : named_space<value_source::logarithmic, P, logarithmic_space> {};

/// The type that the reader of `values` expects.
template <class V>
using values_of = std::conditional_t<std::is_same_v<V, bool>, bool_values, std::vector<V>>;

/// Values of type T, element by element, from an iterable It.
template <class P, class T, class It>
struct named_values {
  using V = parameter_value<P>;
  static constexpr bool is_possible = value_maker<P, T>::is_possible;
  static void write(encoder& out, run_draft& draft, const It& values) {
    write_source(out, value_source::values);
    if constexpr (std::is_same_v<T, V>) {
      factor<It>::write(out, draft, values);
    } else {
      std::vector<std::conditional_t<std::is_same_v<V, bool>, char, V>> converted;
      converted.reserve(values.size());
      for (std::uint64_t i = 0; i < values.size(); ++i)
        converted.push_back(value_maker<P, T>::make(values[i]));
      factor<values_of<V>>::write(out, draft, values_of<V>{std::move(converted)});
    }
  }
};

template <class P, class T>
struct named_factor<P, std::vector<T>> : named_values<P, T, std::vector<T>> {};
template <class P>
struct named_factor<P, bool_values> : named_values<P, bool, bool_values> {};

template <class P, class R>
struct named_factor<P, std::vector<future<R>>>
    : made_by_worker<value_source::futures, P, R, factor<std::vector<future<R>>>> {};

// -- the call -----------------------------------------------------------------------------------------------------

/// A call of a function with this signature: first the args, then the iterables. REQUIRES: they match (matched_call).
template <class Signature, class Args, class Its>
struct named_call;

template <class R, class... Ps, class... As, class... Its>
struct named_call<R(Ps...), std::tuple<As...>, std::tuple<Its...>> {
  using parameters = parameter_list<Ps...>;

  template <std::size_t I>
  using argument_at =
      named_argument<typename parameter_at<parameters, I>::type, std::tuple_element_t<I, std::tuple<As...>>>;
  template <std::size_t I>
  using factor_at = named_factor<typename parameter_at<parameters, sizeof...(As) + I>::type,
                                 std::tuple_element_t<I, std::tuple<Its...>>>;

  static constexpr bool is_possible =
      []<std::size_t... I, std::size_t... J>(std::index_sequence<I...>, std::index_sequence<J...>) {
    if constexpr (sizeof...(As) + sizeof...(Its) != sizeof...(Ps))
      return false;
    else if constexpr (!(is_named_parameter<Ps> && ...))
      return false;
    else
      return (argument_at<I>::is_possible && ...) && (factor_at<J>::is_possible && ...);
  }
  (std::index_sequence_for<As...>{}, std::index_sequence_for<Its...>{});

  static void write(run_draft& draft, const std::tuple<As...>& args, const std::tuple<Its...>& its) {
    static_assert(
        is_possible,
        "daskify: in a call by name, scattered data and futures are of the parameter's own type or numbers, "
        "because who reads them knows the function only; change the signature, or the types that it is given");
    encoder out{draft.description};
    out.write(label_of<value_signature<R(Ps...)>>().hash);
    out.write(label_of<R(Ps...)>().name);
    if constexpr (is_possible) {
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        (argument_at<I>::write(out, draft, std::get<I>(args)), ...);
      }
      (std::index_sequence_for<As...>{});
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        (factor_at<I>::write(out, draft, std::get<I>(its)), ...);
      }
      (std::index_sequence_for<Its...>{});
    }
  }
};

} // namespace daskify::internal
