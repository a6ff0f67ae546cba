#pragma once

/// Codecs of numbers and enums.

#include "daskify/codec/stream.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <limits>
#include <type_traits>

namespace daskify {

namespace internal {

template <class T>
concept scalar = (std::is_arithmetic_v<T> || std::is_enum_v<T>)&&std::is_same_v<T, std::remove_cv_t<T>>;

/// Reads an object whose bytes are its encoded form.
template <class T>
T read_representation(decoder& in) {
  if constexpr (std::is_trivially_default_constructible_v<T> && !std::is_const_v<T>) {
    T value; // constructed in the caller's storage, which avoids copies of large values
    in.copy_to(&value, sizeof value);
    return value;
  } else {
    std::array<std::byte, sizeof(T)> bytes;
    in.copy_to(bytes.data(), bytes.size());
    return std::bit_cast<T>(bytes);
  }
}

} // namespace internal

template <internal::scalar T>
struct codec<T> {
  static constexpr std::size_t min_size = sizeof(T);
  static constexpr bool fixed_size = true;
  static constexpr bool bitwise = true;

  static void write(encoder& out, T x) { out.append(&x, sizeof x); }
  static T read(decoder& in) { return internal::read_representation<T>(in); }
};

template <>
struct codec<bool> {
  static constexpr std::size_t min_size = 1;
  static constexpr bool fixed_size = true;

  static void write(encoder& out, bool x) { codec<char>::write(out, x ? 1 : 0); }
  static bool read(decoder& in) {
    auto byte = codec<unsigned char>::read(in);
    if (byte > 1)
      in.refuse("a bool is neither 0 nor 1");
    return byte == 1;
  }
};

/// Omits the padding that a long double may have.
template <>
struct codec<long double> {
  static constexpr std::size_t min_size = std::numeric_limits<long double>::digits == 64 ? 10 : sizeof(long double);
  static constexpr bool fixed_size = true;

  static void write(encoder& out, const long double& x) { out.append(&x, min_size); }
  static long double read(decoder& in) {
    long double x = 0;
    in.copy_to(&x, min_size);
    return x;
  }
};

template <internal::scalar T>
requires std::is_enum_v<T>
struct codec<T> {
  using number = std::underlying_type_t<T>;
  static constexpr std::size_t min_size = sizeof(T);
  static constexpr bool fixed_size = true;
  static constexpr bool bitwise = internal::is_bitwise<number>;

  static void write(encoder& out, T x) { codec<number>::write(out, static_cast<number>(x)); }
  static T read(decoder& in) { return static_cast<T>(codec<number>::read(in)); }
};

} // namespace daskify
