#pragma once

/// Codec of plain aggregates, which need no description of their members.
///
/// The number of members of T is determined at compile time from the initialisers that T accepts. T{{}, {}, ...} is
/// sufficient if every member has a default. Otherwise T{any, any, ...} is used, where `any` converts to any type, but
/// not to arrays: an array takes as many initialisers as it has elements. The types of the members then come from
/// structured binding.

#include "daskify/codec/inspect.hpp"
#include "daskify/codec/members.hpp"
#include "daskify/codec/scalar.hpp"
#include "daskify/codec/stream.hpp"

#include <array>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace daskify {

namespace internal {

/// Converts to any value. The qualifiers rank this conversion below a constructor that accepts any type.
struct any_value {
  template <class T>
  operator T() const;
};

/// Converts to a value, or otherwise to a reference.
struct anything : any_value {
  template <class T>
  operator T&() const volatile;
};

/// Converts to a reference, but is ambiguous if a value is required.
struct any_reference {
  template <class T>
  operator T() const;
  template <class T>
  operator const T&() const;
  template <class T>
  operator T&&() const;
};

/// Converts to base classes of T.
template <class T>
struct any_base {
  template <class Base>
  requires(std::is_base_of_v<Base, T> && !std::is_same_v<Base, T>) operator Base() const;
};

template <std::size_t>
using slot = anything;

/// T{any * Before, First, any * After}
template <class T, class First, std::size_t Before, std::size_t After>
inline constexpr bool takes = []<std::size_t... B, std::size_t... A>(std::index_sequence<B...>,
                                                                     std::index_sequence<A...>) {
  return requires {
    T{slot<B>{}..., First{}, slot<A>{}...};
  };
}
(std::make_index_sequence<Before>{}, std::make_index_sequence<After>{});

/// T{any * Count}
template <class T, std::size_t Count>
inline constexpr bool takes_values = takes<T, anything, 0, Count - 1>;
template <class T>
inline constexpr bool takes_values<T, 0> = requires {
  T{};
};

/// T{any * Before, {any * Nested}, any * After}
template <class T, std::size_t Before, std::size_t Nested, std::size_t After>
inline constexpr bool takes_nested = []<std::size_t... B, std::size_t... N, std::size_t... A>(
    std::index_sequence<B...>, std::index_sequence<N...>, std::index_sequence<A...>) {
  return requires {
    T{slot<B>{}..., {slot<N>{}...}, slot<A>{}...};
  };
}
(std::make_index_sequence<Before>{}, std::make_index_sequence<Nested>{}, std::make_index_sequence<After>{});

/// The smallest number of initialisers that T accepts, or a number above max_members.
template <class T, std::size_t Count = 0>
consteval std::size_t fewest_initialisers() {
  if constexpr (takes_values<T, Count> || Count > max_members)
    return Count;
  else
    return fewest_initialisers<T, Count + 1>();
}

/// The largest number of initialisers that T accepts: at least Good, less than Bad.
template <class T, std::size_t Good, std::size_t Bad>
consteval std::size_t most_initialisers_between() {
  if constexpr (Good + 1 == Bad) {
    return Good;
  } else {
    constexpr auto middle = Good + (Bad - Good) / 2;
    if constexpr (takes_values<T, middle>)
      return most_initialisers_between<T, middle, Bad>();
    else
      return most_initialisers_between<T, Good, middle>();
  }
}

template <class T, std::size_t Good>
consteval std::size_t most_initialisers() {
  if constexpr (takes_values<T, 2 * Good + 1>)
    return most_initialisers<T, 2 * Good + 1>();
  else
    return most_initialisers_between<T, Good, 2 * Good + 1>();
}

template <class T>
inline constexpr std::size_t fewest = fewest_initialisers<T>();

template <class T>
inline constexpr std::size_t initialisers = most_initialisers<T, fewest<T>>();

/// Number of initialisers of the member that starts at initialiser First. An array of n accepts n in nested braces,
/// which leaves n fewer for the members after it; any other member leaves one fewer.
template <class T, std::size_t First, std::size_t Nested = 2>
consteval std::size_t initialisers_of_member() {
  constexpr auto rest = initialisers<T> - First;
  if constexpr (Nested > rest)
    return 1;
  else if constexpr (takes_nested<T, First, Nested, rest - Nested> &&
                     !takes_nested<T, First, Nested, rest - Nested + 1>)
    return Nested;
  else
    return initialisers_of_member<T, First, Nested + 1>();
}

template <class T, std::size_t Count = 0, std::size_t First = 0>
consteval std::size_t count_members() {
  if constexpr (fewest<T> == 0) {
    if constexpr (Count <= max_members && takes_braces<T, Count + 1>())
      return count_members<T, Count + 1>();
    else
      return Count;
  } else {
    if constexpr (First < initialisers<T>)
      return count_members<T, Count + 1, First + initialisers_of_member<T, First>()>();
    else
      return Count;
  }
}

template <class T>
inline constexpr std::size_t number_of_members = count_members<T>();

template <class T>
consteval bool has_bases() {
  if constexpr (fewest<T> == 0)
    return takes<T, any_base<T>, 0, 0>;
  else
    return takes<T, any_base<T>, 0, initialisers<T> - 1>;
}

/// An aggregate whose members are accessible by structured binding. With base classes the members are in two places.
template <class T>
consteval bool is_decomposable() {
  if constexpr (!std::is_class_v<T> || !std::is_aggregate_v<T> || !std::is_same_v<T, std::remove_cv_t<T>>)
    return false;
  else if constexpr (has_inspect<T> || fewest<T> > max_members)
    return false;
  else if constexpr (has_bases<T>())
    return false;
  else
    return number_of_members<T> <= max_members;
}

template <class T>
concept decomposable = is_decomposable<T>();

/// Number of elements of a member, including nested arrays.
template <class Member>
inline constexpr std::size_t slots = sizeof(Member) / sizeof(std::remove_all_extents_t<Member>);

/// The slots of all members in order: the complete initialisers of T{...}.
template <class... Member>
struct slot_map {
  static constexpr std::size_t count = (std::size_t{0} + ... + slots<Member>);

  /// The first slot of each member, and the end of the last one.
  static constexpr auto first = [] {
    std::array<std::size_t, sizeof...(Member) + 1> positions{0, slots<Member>...};
    for (std::size_t i = 1; i < positions.size(); ++i)
      positions[i] += positions[i - 1];
    return positions;
  }();

  static constexpr std::size_t member_of(std::size_t slot) {
    std::size_t member = 0;
    while (first[member + 1] <= slot)
      ++member;
    return member;
  }
};

/// `Member`, or a reference to it if T's member in slot Slot is a reference, which structured binding hides.
template <class T, std::size_t Slot, class Member>
consteval auto with_reference() {
  if constexpr (fewest<T> == 0 && std::is_move_assignable_v<T>) {
    return std::type_identity<Member>{}; // a T with reference members would have neither property
  } else {
    constexpr auto behind = initialisers<T> - Slot - 1;
    if constexpr (!takes<T, any_value, Slot, behind>)
      return std::type_identity<Member&>{};
    else if constexpr (takes<T, any_reference, Slot, behind>)
      return std::type_identity<const Member&>{};
    else
      return std::type_identity<Member>{};
  }
}

template <class T>
struct member_types {
  template <class... Member>
  static auto list(const Member&...) {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return types<typename decltype(with_reference<T, slot_map<Member...>::first[I], Member>())::type...>{};
    }
    (std::index_sequence_for<Member...>{});
  }

  using type = decltype(with_members<number_of_members<T>>(std::declval<const T&>(),
                                                           [](const auto&... member) { return list(member...); }));
};

template <class Parts>
inline constexpr bool parts_are_bitwise = false;
template <class... Part>
inline constexpr bool parts_are_bitwise<types<Part...>> = (is_bitwise<Part> && ...);

template <class Parts>
inline constexpr std::size_t size_in_memory = 0;
template <class... Part>
inline constexpr std::size_t size_in_memory<types<Part...>> = (std::size_t{0} + ... + sizeof(Part));

template <class Parts>
struct layout_of;
template <class... Part>
struct layout_of<types<Part...>> {
  using slots = slot_map<Part...>;
  template <std::size_t Slot> // an array's elements are initialised one by one
  using slot_type = std::remove_all_extents_t<
      typename std::tuple_element_t<slots::member_of(Slot), std::tuple<std::type_identity<Part>...>>::type>;
};

} // namespace internal

template <internal::decomposable T>
struct codec<T> {
  using parts = typename internal::member_types<T>::type;
  static constexpr std::size_t min_size = internal::total_min_size<parts>;
  static constexpr bool fixed_size = internal::all_fixed_size<parts>;
  static constexpr bool bitwise = std::is_trivially_copyable_v<T> && internal::parts_are_bitwise<parts> &&
                                  internal::size_in_memory<parts> == sizeof(T);

  static void write(encoder& out, const T& x) {
    if constexpr (bitwise)
      out.append(&x, sizeof x);
    else
      internal::with_members<internal::number_of_members<T>>(
          x, [&out](const auto&... member) { (internal::write_member(out, member), ...); });
  }

  static T read(decoder& in) {
    if constexpr (bitwise) {
      return internal::read_representation<T>(in);
    } else if constexpr (layout::slots::count <= max_slots || !can_be_filled_later) {
      return read_slots(in, std::make_index_sequence<layout::slots::count>{});
    } else {
      T x{};
      internal::with_members<internal::number_of_members<T>>(
          x, [&in](auto&... member) { (internal::read_member(in, member), ...); });
      return x;
    }
  }

private:
  using layout = internal::layout_of<parts>;

  /// With more elements than this, compiling the list of all initialisers would take too long.
  static constexpr std::size_t max_slots = 256;
  static constexpr bool can_be_filled_later = internal::fewest<T> == 0 && std::is_move_assignable_v<T>;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"     // a bit-field is initialised from its own value
#pragma GCC diagnostic ignored "-Wmissing-braces" // arrays are initialised element by element

  template <std::size_t... Slot> // within braces, the slots are read in order
  static T read_slots([[maybe_unused]] decoder& in, std::index_sequence<Slot...>) {
    return T{in.read<typename layout::template slot_type<Slot>>()...};
  }

#pragma GCC diagnostic pop
};

} // namespace daskify
