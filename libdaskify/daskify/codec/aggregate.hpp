#pragma once

/// Codec of plain aggregates, which need not say anything about themselves.
///
/// How many members T has is found by asking the compiler which initialisers it takes: T{any, any, ...},
/// where `any` turns into whatever is asked for. Arrays among the members are spread over as many
/// initialisers as they have elements (`any` turns into no array), so an aggregate has `initialisers` slots
/// in all, and each slot belongs to one member.

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

/// Turns into any value. The qualifiers rank it behind a constructor that takes anything.
struct any_value {
  template <class T>
  operator T() const;
};

/// Turns into a value, or else into a reference.
struct anything : any_value {
  template <class T>
  operator T&() const volatile;
};

/// Turns into a reference, but is ambiguous where a value is asked for.
struct any_reference {
  template <class T>
  operator T() const;
  template <class T>
  operator const T&() const;
  template <class T>
  operator T&&() const;
};

/// Turns into bases of T.
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

/// The fewest initialisers that T takes, or more than max_members.
template <class T, std::size_t Count = 0>
consteval std::size_t fewest_initialisers() {
  if constexpr (takes_values<T, Count> || Count > max_members)
    return Count;
  else
    return fewest_initialisers<T, Count + 1>();
}

/// The most initialisers that T takes: at least Good, fewer than Bad.
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

/// The largest After in [Good, Bad) for which takes_nested<T, First, 1, After>.
template <class T, std::size_t First, std::size_t Good, std::size_t Bad>
consteval std::size_t most_after_nested() {
  if constexpr (Good + 1 == Bad) {
    return Good;
  } else {
    constexpr auto middle = Good + (Bad - Good) / 2;
    if constexpr (takes_nested<T, First, 1, middle>)
      return most_after_nested<T, First, middle, Bad>();
    else
      return most_after_nested<T, First, Good, middle>();
  }
}

/// How many slots belong to the member that starts at slot First. In {} an array takes as many as it has
/// elements, and then fewer slots are left for the others than behind a member that is no array.
template <class T, std::size_t First, std::size_t Nested = 2>
consteval std::size_t slots_of_member() {
  constexpr auto behind = initialisers<T> - First - 1;
  if constexpr (behind == 0) {
    return 1;
  } else if constexpr (fewest<T> == 0) {
    if constexpr (takes_nested<T, First, 1, 0> && !takes_nested<T, First, 1, behind>)
      return behind + 1 - most_after_nested<T, First, 0, behind>();
    else
      return 1;
  } else if constexpr (Nested > behind + 1) {
    return 1;
  } else { // members without default value: only complete lists of initialisers can be asked about
    constexpr auto rest = behind + 1 - Nested;
    if constexpr (takes_nested<T, First, Nested, rest> && !takes_nested<T, First, Nested, rest + 1>)
      return Nested;
    else
      return slots_of_member<T, First, Nested + 1>();
  }
}

/// Which member each slot belongs to, where each member starts, and how many members there are.
template <std::size_t Slots>
struct member_map {
  std::array<std::size_t, Slots> member_of{};
  std::array<std::size_t, Slots> first_slot{};
  std::size_t members = 0;
};

template <class T, std::size_t First, std::size_t Slots>
constexpr void map_members(member_map<Slots>& map) {
  if constexpr (First < Slots) {
    constexpr auto slots = slots_of_member<T, First>();
    for (std::size_t i = First; i < First + slots; ++i)
      map.member_of[i] = map.members;
    map.first_slot[map.members] = First;
    ++map.members;
    map_members<T, First + slots>(map);
  }
}

template <class T>
inline constexpr auto members_of = [] {
  member_map<initialisers<T>> map;
  map_members<T, 0>(map);
  return map;
}();

template <class T>
consteval bool has_bases() {
  if constexpr (initialisers<T> == 0)
    return false;
  else
    return takes<T, any_base<T>, 0, initialisers<T> - 1>;
}

/// An aggregate whose members structured binding can name. One with bases has them in two places.
template <class T>
consteval bool is_decomposable() {
  if constexpr (!std::is_class_v<T> || !std::is_aggregate_v<T> || !std::is_same_v<T, std::remove_cv_t<T>>)
    return false;
  else if constexpr (has_inspect<T> || fewest<T> > max_members)
    return false;
  else if constexpr (has_bases<T>())
    return false;
  else
    return members_of<T>.members <= max_members;
}

template <class T>
concept decomposable = is_decomposable<T>();

/// Type of member I, if that is a reference, which structured binding hides; else `Member`.
template <class T, std::size_t I, class Member>
consteval auto with_reference() {
  if constexpr (fewest<T> == 0 && std::is_move_assignable_v<T>) {
    return std::type_identity<Member>{}; // with references it would be neither
  } else {
    constexpr auto first = members_of<T>.first_slot[I];
    constexpr auto behind = initialisers<T> - first - 1;
    if constexpr (!takes<T, any_value, first, behind>)
      return std::type_identity<Member&>{};
    else if constexpr (takes<T, any_reference, first, behind>)
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
      return types<typename decltype(with_reference<T, I, Member>())::type...>{};
    }
    (std::index_sequence_for<Member...>{});
  }

  using type = decltype(with_members<members_of<T>.members>(
      std::declval<const T&>(), [](const auto&... member) { return list(member...); }));
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
struct tuple_of;
template <class... Part>
struct tuple_of<types<Part...>> : std::type_identity<std::tuple<std::type_identity<Part>...>> {};

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
      internal::with_members<internal::members_of<T>.members>(
          x, [&out](const auto&... member) { (internal::write_member(out, member), ...); });
  }

  static T read(decoder& in) {
    if constexpr (bitwise) {
      return internal::read_representation<T>(in);
    } else if constexpr (internal::initialisers<T> <= max_slots) {
      return read_slots(in, std::make_index_sequence<internal::initialisers<T>>{});
    } else {
      T x{};
      internal::with_members<internal::members_of<T>.members>(
          x, [&in](auto&... member) { (internal::read_member(in, member), ...); });
      return x;
    }
  }

private:
  /// With larger arrays than this, a list of all initialisers would take the compiler too long.
  static constexpr std::size_t max_slots = 256;

  template <std::size_t Slot>
  using slot_type = std::remove_cv_t<std::remove_all_extents_t<typename std::tuple_element_t<
      internal::members_of<T>.member_of[Slot], typename internal::tuple_of<parts>::type>::type>>;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion" // a bit-field is made from its own value

  template <std::size_t... Slot> // within braces, the slots are read in their order
  static T read_slots([[maybe_unused]] decoder& in, std::index_sequence<Slot...>) {
    return T{in.read<slot_type<Slot>>()...};
  }

#pragma GCC diagnostic pop
};

} // namespace daskify
