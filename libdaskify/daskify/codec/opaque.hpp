#pragma once

/// Codec of trivially copyable classes without accessible members: they are sent as bytes.

#include "daskify/codec/aggregate.hpp"
#include "daskify/codec/inspect.hpp"
#include "daskify/codec/scalar.hpp"
#include "daskify/codec/stream.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <type_traits>

namespace daskify {

namespace internal {

template <class T>
consteval bool make_from_bytes() {
  static_cast<void>(std::bit_cast<T>(std::array<std::byte, sizeof(T)>{}));
  return true;
}

template <class T>
consteval bool make_from_bytes_and_back() {
  auto bytes = std::bit_cast<std::array<std::byte, sizeof(T)>>(std::bit_cast<T>(std::array<std::byte, sizeof(T)>{}));
  for (auto byte : bytes)
    if (byte != std::byte{})
      return false;
  return true;
}

/// T contains no pointer, reference or union, because a constant expression cannot create those from bytes. It cannot
/// create a class without any constexpr constructor either: such a class is accepted unless it looks like a pointer.
template <class T>
consteval bool is_free_of_addresses() {
  if constexpr (__is_literal_type(T))
    return requires {
      typename std::bool_constant<make_from_bytes<T>()>;
    };
  else
    return !requires(T & x) {
      *x;
    };
}

/// T contains no padding, as far as this can be proved: a constant expression cannot read padding.
template <class T>
consteval bool is_free_of_padding() {
  if constexpr (std::has_unique_object_representations_v<T>)
    return true;
  else if constexpr (__is_literal_type(T))
    return requires {
      typename std::bool_constant<make_from_bytes_and_back<T>()>;
    };
  else
    return false;
}

template <class T>
consteval bool is_sent_as_bytes() {
  if constexpr (!std::is_class_v<T> || !std::is_same_v<T, std::remove_cv_t<T>>)
    return false;
  else if constexpr (!std::is_trivially_copyable_v<T> || !std::is_move_constructible_v<T>)
    return false;
  else if constexpr (has_inspect<T> || decomposable<T>)
    return false;
  else
    return is_free_of_addresses<T>();
}

template <class T>
concept sent_as_bytes = is_sent_as_bytes<T>();

} // namespace internal

template <internal::sent_as_bytes T>
struct codec<T> {
  static constexpr std::size_t min_size = std::is_empty_v<T> ? 0 : sizeof(T);
  static constexpr bool fixed_size = true;
  static constexpr bool bitwise = !std::is_empty_v<T> && internal::is_free_of_padding<T>();

  static void write(encoder& out, const T& x) {
    if constexpr (bitwise || std::is_empty_v<T>) {
      out.append(&x, min_size);
    } else {
      T copy = x;
#if __has_builtin(__builtin_clear_padding)
      __builtin_clear_padding(&copy);
#endif
      out.append(&copy, min_size);
    }
  }

  static T read(decoder& in) {
    if constexpr (std::is_empty_v<T>)
      return std::bit_cast<T>(std::array<std::byte, sizeof(T)>{});
    else
      return internal::read_representation<T>(in);
  }
};

} // namespace daskify
