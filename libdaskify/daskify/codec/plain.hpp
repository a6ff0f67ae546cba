#pragma once

/// Codecs of scalars, C arrays, and classes that are copied as bytes.

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <type_traits>

#include "daskify/codec/aggregate.hpp"
#include "daskify/codec/coder.hpp"
#include "daskify/codec/inspect.hpp"
#include "daskify/codec/traits.hpp"

namespace daskify::internal {

/// Classes beyond this size are not looked through at compile time, as that takes the compiler seconds.
inline constexpr std::size_t most_bytes_examined = 65536;

template <std::size_t size>
constexpr auto filled_with_one() {
  std::array<unsigned char, size> bytes{};
  for (auto& byte : bytes)
    byte = 1;
  return bytes;
}

/// Only a type without pointers, references and unions can be made from bytes at compile time, so the
/// compiler tells what even a class with private members or a lambda's captures hold.
template <class T>
concept made_of_values = requires {
  typename std::bool_constant<(static_cast<void>(__builtin_bit_cast(T, filled_with_one<sizeof(T)>())), true)>;
};

template <class T>
consteval bool keeps_every_byte() {
  auto bytes = __builtin_bit_cast(std::array<signed char, sizeof(T)>,
                                  __builtin_bit_cast(T, filled_with_one<sizeof(T)>()));
  for (auto byte : bytes)
    if (byte != 1)
      return false;
  return true;
}

template <class T>
concept without_padding = requires {
  typename std::bool_constant<keeps_every_byte<T>()>;
}
&&keeps_every_byte<T>();

template <class T>
concept iterator_like = requires {
  typename T::iterator_category;
};

/// A class that is copied as bytes because it cannot be taken apart. What the compiler cannot look through (a
/// class that is not a literal type) is taken on trust.
template <class T>
concept opaque_class =
    std::is_class_v<T> && std::is_trivially_copyable_v<T> && std::move_constructible<T> && !has_inspect<T> &&
    !plain_aggregate<T> && !iterator_like<T> &&
    (sizeof(T) > most_bytes_examined || !__is_literal_type(T) || made_of_values<T>);

template <class T>
struct default_codec {};

template <class T>
requires std::is_arithmetic_v<T>
struct default_codec<T> {
  static constexpr encoded_layout layout{sizeof(T), true, true};
};

template <>
struct default_codec<bool> {
  static constexpr encoded_layout layout{1, true, false};

  static void write(encoder& out, bool value) { put(out, static_cast<unsigned char>(value)); }

  static bool read(decoder& in) {
    auto byte = get<unsigned char>(in);
    if (byte > 1)
      throw_corrupt("a bool is neither 0 nor 1");
    return byte == 1;
  }
};

/// The 80-bit format leaves bytes of its object unused; these do not travel.
template <>
struct default_codec<long double> {
  static constexpr std::size_t used_bytes =
      std::numeric_limits<long double>::digits == 64 ? 10 : sizeof(long double);
  static constexpr encoded_layout layout{used_bytes, true, false};

  static void write(encoder& out, const long double& value) { out.append(&value, used_bytes); }

  static long double read(decoder& in) {
    long double value = 0;
    std::memcpy(&value, in.take(used_bytes).data(), used_bytes);
    return value;
  }
};

template <class T>
requires std::is_enum_v<T>
struct default_codec<T> {
  using number = std::underlying_type_t<T>;
  static constexpr encoded_layout layout = layout_of<number>();

  static void write(encoder& out, T value) { put(out, static_cast<number>(value)); }
  static T read(decoder& in) { return static_cast<T>(get<number>(in)); }
};

template <opaque_class T>
struct default_codec<T> {
  static constexpr encoded_layout layout{std::is_empty_v<T> ? 0 : sizeof(T), true,
                                         sizeof(T) <= most_bytes_examined&& without_padding<T>};

  static void write(encoder& out, const T& value) {
    if constexpr (!std::is_empty_v<T>) {
      auto copy = value;
#if __has_builtin(__builtin_clear_padding)
      __builtin_clear_padding(std::addressof(copy));
#endif
      out.append(std::addressof(copy), sizeof copy);
    }
  }

  static T read(decoder& in) {
    std::array<std::byte, sizeof(T)> copy{};
    if constexpr (!std::is_empty_v<T>)
      std::memcpy(copy.data(), in.take(sizeof(T)).data(), sizeof(T));
    return std::bit_cast<T>(copy);
  }
};

} // namespace daskify::internal

namespace daskify {

/// Only as a field: no function can return a C array.
template <class T, std::size_t size>
struct codec<T[size]> {
  using parts = internal::types<T>;
  static constexpr internal::encoded_layout layout{size * internal::layout_of<T>().smallest,
                                                   internal::layout_of<T>().fixed,
                                                   internal::layout_of<T>().bitwise};

  static void write(encoder& out, const T (&values)[size]) {
    for (const auto& value : values)
      internal::put(out, value);
  }
};

} // namespace daskify
