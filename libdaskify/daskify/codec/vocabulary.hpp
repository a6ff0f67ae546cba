#pragma once

/// Codecs of small standard types: pair, tuple, array, optional, variant, complex, bitset, chrono.

#include "daskify/codec/scalar.hpp"
#include "daskify/codec/standard_containers.hpp"
#include "daskify/codec/stream.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace daskify {

template <class A, class B>
struct codec<std::pair<A, B>> {
  using parts = internal::types<A, B>;
  static constexpr std::size_t min_size = internal::total_min_size<parts>;
  static constexpr bool fixed_size = internal::all_fixed_size<parts>;

  static void write(encoder& out, const std::pair<A, B>& x) {
    out.write(x.first);
    out.write(x.second);
  }
  static std::pair<A, B> read(decoder& in) { return std::pair<A, B>{in.read<A>(), in.read<B>()}; }
};

template <class... T>
struct codec<std::tuple<T...>> {
  using parts = internal::types<T...>;
  static constexpr std::size_t min_size = internal::total_min_size<parts>;
  static constexpr bool fixed_size = internal::all_fixed_size<parts>;

  static void write([[maybe_unused]] encoder& out, const std::tuple<T...>& x) {
    std::apply([&](const T&... element) { (out.write(element), ...); }, x);
  }
  static std::tuple<T...> read([[maybe_unused]] decoder& in) { return std::tuple<T...>{in.read<T>()...}; }
};

template <class T, std::size_t N>
requires(!std::is_array_v<T>) struct codec<std::array<T, N>> {
  using parts = internal::types<T>;
  static constexpr std::size_t min_size = N * min_encoded_size<T>;
  static constexpr bool fixed_size = N == 0 || fixed_encoded_size<T>.has_value();
  static constexpr bool bitwise = N != 0 && internal::is_bitwise<T>;

  static void write(encoder& out, const std::array<T, N>& x) {
    if constexpr (bitwise)
      out.append(x.data(), sizeof x);
    else
      for (const auto& element : x)
        out.write(element);
  }

  static std::array<T, N> read(decoder& in) {
    if constexpr (bitwise) {
      return internal::read_representation<std::array<T, N>>(in);
    } else if constexpr (std::is_default_constructible_v<T> && std::is_move_assignable_v<T>) {
      std::array<T, N> x{};
      for (auto& element : x)
        element = in.read<T>();
      return x;
    } else {
      return [&in]<std::size_t... I>(std::index_sequence<I...>) {
        return std::array<T, N>{{(static_cast<void>(I), in.read<T>())...}};
      }
      (std::make_index_sequence<N>{});
    }
  }
};

template <class T>
struct codec<std::optional<T>> {
  using parts = internal::types<T>;
  static constexpr std::size_t min_size = 1;

  static void write(encoder& out, const std::optional<T>& x) {
    out.write(x.has_value());
    if (x)
      out.write(*x);
  }
  static std::optional<T> read(decoder& in) {
    if (in.read<bool>())
      return std::optional<T>{std::in_place, in.read<T>()};
    return std::nullopt;
  }
};

template <>
struct codec<std::monostate> {
  static constexpr std::size_t min_size = 0;
  static constexpr bool fixed_size = true;

  static void write(encoder&, std::monostate) {}
  static std::monostate read(decoder&) { return {}; }
};

/// The index of the alternative, then its value.
template <class... T>
struct codec<std::variant<T...>> {
  using parts = internal::types<T...>;
  using index_type = std::uint16_t;
  static constexpr std::size_t min_size = sizeof(index_type);

  static void write(encoder& out, const std::variant<T...>& x) {
    if (x.valueless_by_exception())
      out.refuse("a variant lost its value to an exception");
    out.write(static_cast<index_type>(x.index()));
    std::visit([&out](const auto& value) { out.write(value); }, x);
  }

  static std::variant<T...> read(decoder& in) {
    auto index = in.read<index_type>();
    if (index >= sizeof...(T))
      in.refuse("a variant has no such alternative");
    return read_alternative(in, index, std::index_sequence_for<T...>{});
  }

private:
  template <std::size_t... I>
  static std::variant<T...> read_alternative(decoder& in, std::size_t index, std::index_sequence<I...>) {
    using reader = std::variant<T...> (*)(decoder&);
    constexpr std::array readers{reader{[](decoder& from) {
      return std::variant<T...>{std::in_place_index<I>, from.read<T>()};
    }}...};
    return readers[index](in);
  }
};

template <class T>
struct codec<std::complex<T>> {
  using parts = internal::types<T, T>;
  static constexpr std::size_t min_size = internal::total_min_size<parts>;
  static constexpr bool fixed_size = internal::all_fixed_size<parts>;
  static constexpr bool bitwise = internal::is_bitwise<T>;

  static void write(encoder& out, const std::complex<T>& x) {
    out.write(x.real());
    out.write(x.imag());
  }
  static std::complex<T> read(decoder& in) {
    auto real = in.read<T>();
    return {real, in.read<T>()};
  }
};

/// Eight bits per byte; the unused bits of the last byte are 0.
template <std::size_t N>
struct codec<std::bitset<N>> {
  static constexpr std::size_t min_size = (N + 7) / 8;
  static constexpr bool fixed_size = true;

  static void write(encoder& out, const std::bitset<N>& x) {
    std::array<std::byte, min_size> bytes{};
    for (std::size_t i = 0; i < N; ++i)
      bytes[i / 8] |= std::byte{x[i]} << (i % 8);
    out.append(bytes.data(), min_size);
  }

  static std::bitset<N> read(decoder& in) {
    auto bytes = in.take(min_size);
    std::bitset<N> x;
    for (std::size_t i = 0; i < 8 * min_size; ++i)
      if ((bytes[i / 8] >> (i % 8) & std::byte{1}) != std::byte{}) {
        if (i >= N)
          in.refuse("a bitset has bits behind its end");
        x.set(i);
      }
    return x;
  }
};

template <class Number, class Period>
struct codec<std::chrono::duration<Number, Period>> {
  using duration = std::chrono::duration<Number, Period>;
  using parts = internal::types<Number>;
  static constexpr std::size_t min_size = internal::total_min_size<parts>;
  static constexpr bool fixed_size = internal::all_fixed_size<parts>;
  static constexpr bool bitwise = internal::is_bitwise<Number> && sizeof(duration) == sizeof(Number);

  static void write(encoder& out, const duration& x) { out.write(x.count()); }
  static duration read(decoder& in) { return duration{in.read<Number>()}; }
};

template <class Clock, class Duration>
struct codec<std::chrono::time_point<Clock, Duration>> {
  using time_point = std::chrono::time_point<Clock, Duration>;
  using parts = internal::types<Duration>;
  static constexpr std::size_t min_size = internal::total_min_size<parts>;
  static constexpr bool fixed_size = internal::all_fixed_size<parts>;
  static constexpr bool bitwise = internal::is_bitwise<Duration> && sizeof(time_point) == sizeof(Duration);

  static void write(encoder& out, const time_point& x) { out.write(x.time_since_epoch()); }
  static time_point read(decoder& in) { return time_point{in.read<Duration>()}; }
};

} // namespace daskify
