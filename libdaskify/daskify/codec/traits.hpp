#pragma once

/// What the codec knows about a type at compile time: whether it travels, which inner type forbids it, and how
/// many bytes it takes.

#include <concepts>
#include <cstddef>
#include <type_traits>

namespace daskify {

class encoder;
class decoder;

namespace internal {

template <class T>
struct default_codec;

} // namespace internal

/// How values of type `T` become bytes and come back. Types that need a way of their own specialise it with
///
///     static void write(encoder& out, const T& value);
///     static T read(decoder& in);
///
/// and, where it helps, `using parts = internal::types<...>` (the inner types, which must travel too) and
/// `static constexpr internal::encoded_layout layout`.
template <class T>
struct codec : internal::default_codec<T> {};

namespace internal {

/// A list of types.
template <class... Ts>
struct types {};

/// The encoded form of a type, as far as the type alone decides it.
struct encoded_layout {
  std::size_t smallest = 0; ///< bytes of the shortest value
  bool fixed = false;       ///< every value takes `smallest` bytes
  bool bitwise = false;     ///< encoded form == object representation, and any bit pattern is a value
};

template <class T>
consteval encoded_layout layout_of() {
  if constexpr (requires { codec<T>::layout; })
    return codec<T>::layout;
  else
    return {};
}

/// Bytes that an element of a container takes at least. No element is free, so that a forged count cannot ask
/// for more elements than there are bytes.
template <class T>
inline constexpr std::size_t smallest_element = layout_of<T>().smallest == 0 ? 1 : layout_of<T>().smallest;

template <class T>
concept has_codec =
    std::is_object_v<T> && (layout_of<T>().bitwise || requires(encoder& out, const T& value) {
      codec<T>::write(out, value);
    });

/// The answer when no inner type forbids the journey.
struct nobody {};

template <class T, class... Above>
consteval auto find_culprit();

template <class... Above>
consteval auto find_culprit_among(types<>) {
  return std::type_identity<nobody>{};
}

template <class... Above, class First, class... Rest>
consteval auto find_culprit_among(types<First, Rest...>) {
  auto found = find_culprit<First, Above...>();
  if constexpr (std::same_as<decltype(found), std::type_identity<nobody>>)
    return find_culprit_among<Above...>(types<Rest...>{});
  else
    return found;
}

/// `Above` holds the types that contain this one: a recursive type is judged once.
template <class T, class... Above>
consteval auto find_culprit() {
  if constexpr ((std::same_as<T, Above> || ...))
    return std::type_identity<nobody>{};
  else if constexpr (!has_codec<T>)
    return std::type_identity<T>{};
  else if constexpr (requires { typename codec<T>::parts; })
    return find_culprit_among<Above..., T>(typename codec<T>::parts{});
  else
    return std::type_identity<nobody>{};
}

/// The innermost type because of which `T` cannot travel; `nobody` when it can.
template <class T>
struct culprit : decltype(find_culprit<T>()) {};

/// A C array travels as a field only, as no function can return one.
template <class T>
  requires std::is_array_v<T>
struct culprit<T> : std::type_identity<T> {};

template <class>
inline constexpr bool never = false;

/// Its instantiation shows the culprit's name in the compiler's message.
template <class T>
struct type_that_cannot_travel {
  static_assert(never<T>,
                "daskify: this type cannot travel to another process (its name is in type_that_cannot_travel<...> "
                "above); pass a value without pointers, references and handles, or give its class an inspect(f, x)");
};

} // namespace internal

/// Values of this type can be encoded, sent and decoded. The README lists which types these are.
template <class T>
concept travels = std::same_as<typename internal::culprit<std::remove_const_t<T>>::type, internal::nobody>;

/// A type whose encoded form is its object representation and of which any bit pattern is a value, so that an
/// array of them is copied in one piece. For a class that hides its members this is taken on trust.
template <class T>
concept bitwise = travels<T> && internal::layout_of<std::remove_const_t<T>>().bitwise;

} // namespace daskify
