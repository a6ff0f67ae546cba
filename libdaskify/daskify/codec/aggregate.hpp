#pragma once

/// Plain aggregates: structs that name their members and nothing else. Their fields are counted by trying how
/// many initialisers they take.

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#include "daskify/codec/coder.hpp"
#include "daskify/codec/fields.hpp"
#include "daskify/codec/inspect.hpp"
#include "daskify/codec/traits.hpp"

namespace daskify::internal {

/// Converts to whatever a field of `T` is; an lvalue, so that reference members are counted, too.
template <class T>
struct any_field {
  template <class U>
    requires(!std::is_base_of_v<U, T>)
  operator U&() const;
};

template <class T>
struct any_base {
  template <class U>
    requires(std::is_base_of_v<U, T> && !std::is_same_v<U, T>)
  operator U() const;
};

template <std::size_t, class T>
using repeated = T;

/// Whether `T` can be made from `First...`, then `n` fields.
template <class T, std::size_t n, class... First>
consteval bool takes() {
  return []<std::size_t... i>(std::index_sequence<i...>) {
    return requires { T{std::declval<First>()..., std::declval<repeated<i, any_field<T>>>()...}; };
  }(std::make_index_sequence<n>{});
}

/// Whether `T` can be made from `before` fields, one field made of `inside` parts in braces, `after` fields.
template <class T, std::size_t before, std::size_t inside, std::size_t after>
consteval bool takes_nested() {
  return []<std::size_t... i, std::size_t... j, std::size_t... k>(
             std::index_sequence<i...>, std::index_sequence<j...>, std::index_sequence<k...>) {
    return requires {
      T{std::declval<repeated<i, any_field<T>>>()...,
        {std::declval<repeated<j, any_field<T>>>()...},
        std::declval<repeated<k, any_field<T>>>()...};
    };
  }(std::make_index_sequence<before>{}, std::make_index_sequence<inside>{}, std::make_index_sequence<after>{});
}

/// How often `T` takes `{}`, each of which stands for one field; at most one more than `most_fields`.
template <class T, std::size_t n = 0>
consteval std::size_t count_braces() {
  if constexpr (n <= most_fields && takes_braces<n + 1, T>())
    return count_braces<T, n + 1>();
  else
    return n;
}

/// The largest number of initialisers that `T` takes, with arrays counted by their elements. A type with a
/// field that needs a value takes none of the smaller numbers.
template <class T, std::size_t n = 0, bool found = false>
consteval std::size_t count_initializers() {
  constexpr auto fits = n <= most_fields + 1 && takes<T, n>();
  if constexpr (fits || (!found && n <= most_fields))
    return count_initializers<T, n + 1, fits>();
  else
    return found ? n - 1 : 0;
}

/// How many of all `count` initialisers belong to the field that starts at `first`: the most that can stand in
/// braces of their own such that exactly the others are left for the fields behind.
template <class T, std::size_t count, std::size_t first, std::size_t width>
consteval std::size_t field_width() {
  if constexpr (width <= 1)
    return 1;
  else if constexpr (takes_nested<T, first, width, count - first - width>() &&
                     !takes_nested<T, first, width, count - first - width + 1>())
    return width;
  else
    return field_width<T, count, first, width - 1>();
}

template <class T, std::size_t count, std::size_t first = 0>
consteval std::size_t count_nested() {
  if constexpr (first == count)
    return 0;
  else
    return 1 + count_nested<T, count, first + field_width<T, count, first, count - first>()>();
}

inline constexpr std::size_t not_countable = most_fields + 1;

/// The number of fields; `not_countable` when there are more than `most_fields` or a base class.
template <class T>
consteval std::size_t count_fields() {
  constexpr auto by_braces = takes<T, 0>() ? count_braces<T>() : not_countable;
  if constexpr (by_braces <= most_fields && !takes_braces<by_braces, T, any_field<T>>()) {
    return takes<T, 0, any_base<T>>() ? not_countable : by_braces;
  } else {
    constexpr auto initializers = count_initializers<T>();
    if constexpr (initializers == 0 || initializers > most_fields ||
                  takes<T, initializers - 1, any_base<T>>())
      return not_countable;
    else
      return count_nested<T, initializers>();
  }
}

template <class T>
concept plain_aggregate =
    std::is_class_v<T> && std::is_aggregate_v<T> && !has_inspect<T> && count_fields<T>() <= most_fields;

struct list_fields {
  template <class... Ts>
  types<std::remove_cv_t<Ts>...> operator()(types<Ts...>, const auto&...) const {
    return {};
  }
};

/// The declared types of the fields, without const.
template <class T>
using fields_of = decltype(with_fields<count_fields<T>()>(std::declval<T&>(), list_fields{}));

template <class T, class... Fields>
consteval encoded_layout aggregate_layout(types<Fields...>) {
  if constexpr ((std::is_reference_v<Fields> || ...)) {
    return {};
  } else {
    encoded_layout all{(layout_of<Fields>().smallest + ... + 0), (layout_of<Fields>().fixed && ...),
                       std::is_trivially_copyable_v<T> && (layout_of<Fields>().bitwise && ...)};
    all.bitwise = all.bitwise && all.smallest == sizeof(T);
    return all;
  }
}

/// The number of initialisers without inner braces: an array counts as its elements.
template <class T>
inline constexpr std::size_t flat_size = 1;
template <class T, std::size_t size>
inline constexpr std::size_t flat_size<T[size]> = size * flat_size<T>;

template <class T>
auto flat(types<T>) {
  return types<T>{};
}

template <class T>
struct default_codec_of_aggregate;

} // namespace daskify::internal
