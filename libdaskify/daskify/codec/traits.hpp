#pragma once

/// Determines which types can be sent, and the properties of their encoding that are known at compile time.

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

namespace daskify {

class encoder;
class decoder;

/// Encodes and decodes values of type T. Headers of daskify specialise it for their own types:
///
///     template <class T> struct codec<scattered<T>> {
///       static void write(encoder& out, const scattered<T>& x);
///       static scattered<T> read(decoder& in);
///
///       using parts = internal::types<T>;            // optional: types that must have a codec, too
///       static constexpr std::size_t min_size = 16;  // optional: lower bound of the encoded size
///       static constexpr bool fixed_size = true;     // optional: every value takes min_size bytes
///     };
///
/// Programs give their classes an `inspect` instead.
template <class T>
struct codec;

namespace internal {

template <class... T>
struct types {};

/// Parts that are known only when a value is written or read.
struct unknown_types {};

/// The culprit of a type that can be sent.
struct nobody {};

template <class T>
concept has_codec = requires {
  sizeof(codec<T>);
};

/// The first type inside T that cannot be sent, or `nobody`. A type that is already being examined (Seen) is accepted,
/// so that a type may contain itself.
template <class T, class... Seen>
consteval auto find_culprit();

template <class Seen>
consteval auto find_culprit_in(unknown_types, Seen) {
  return std::type_identity<nobody>{};
}

template <class... Part, class... Seen>
consteval auto find_culprit_in(types<Part...>, types<Seen...>) {
  if constexpr (sizeof...(Part) == 0) {
    return std::type_identity<nobody>{};
  } else {
    return []<class First, class... Rest>(types<First, Rest...>) {
      using here = decltype(find_culprit<std::remove_const_t<std::remove_all_extents_t<First>>, Seen...>());
      if constexpr (std::is_same_v<here, std::type_identity<nobody>>)
        return find_culprit_in(types<Rest...>{}, types<Seen...>{});
      else
        return here{};
    }(types<Part...>{});
  }
}

template <class T, class... Seen>
consteval auto find_culprit() {
  if constexpr ((std::is_same_v<T, Seen> || ...))
    return std::type_identity<nobody>{};
  else if constexpr (!has_codec<T>)
    return std::type_identity<T>{};
  else if constexpr (requires { typename codec<T>::parts; })
    return find_culprit_in(typename codec<T>::parts{}, types<T, Seen...>{});
  else
    return std::type_identity<nobody>{};
}

template <class T>
using culprit = typename decltype(find_culprit<std::remove_const_t<T>>())::type;

} // namespace internal

/// T, including everything inside it, can be encoded and decoded.
template <class T>
concept travels = std::is_same_v<internal::culprit<T>, internal::nobody>;

/// The smallest number of bytes of any encoded T; 0 if it is unknown.
template <class T>
inline constexpr std::size_t min_encoded_size = [] {
  if constexpr (requires { codec<T>::min_size; })
    return std::size_t{codec<T>::min_size};
  else
    return std::size_t{0};
}();
template <class T>
inline constexpr std::size_t min_encoded_size<const T> = min_encoded_size<T>;
template <class T, std::size_t N>
inline constexpr std::size_t min_encoded_size<T[N]> = N* min_encoded_size<T>;

/// The encoded size of T in bytes if it is the same for all values; otherwise nullopt.
template <class T>
inline constexpr std::optional<std::size_t> fixed_encoded_size = []() -> std::optional<std::size_t> {
  if constexpr (requires { requires codec<T>::fixed_size; })
    return min_encoded_size<T>;
  else
    return std::nullopt;
}();
template <class T>
inline constexpr std::optional<std::size_t> fixed_encoded_size<const T> = fixed_encoded_size<T>;
template <class T, std::size_t N>
inline constexpr std::optional<std::size_t> fixed_encoded_size<T[N]> =
    fixed_encoded_size<T> ? std::optional{N * *fixed_encoded_size<T>} : std::nullopt;

namespace internal {

template <class T>
inline constexpr bool is_bitwise = requires {
  requires codec<T>::bitwise;
};
template <class T>
inline constexpr bool is_bitwise<const T> = is_bitwise<T>;
template <class T, std::size_t N>
inline constexpr bool is_bitwise<T[N]> = is_bitwise<T>;

/// The size of an encoding that consists of the encoded Parts in order.
template <class Parts>
inline constexpr std::size_t total_min_size = 0;
template <class... Part>
inline constexpr std::size_t total_min_size<types<Part...>> = (std::size_t{0} + ... + min_encoded_size<Part>);

template <class Parts>
inline constexpr bool all_fixed_size = false;
template <class... Part>
inline constexpr bool all_fixed_size<types<Part...>> = (fixed_encoded_size<Part>.has_value() && ...);

} // namespace internal

/// The encoded form of T is its object representation, and every pattern of bits is a valid T: an array of T is copied
/// at once. Implies trivially copyable.
template <class T>
concept bitwise = internal::is_bitwise<T>;

} // namespace daskify
