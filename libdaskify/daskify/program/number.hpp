#pragma once

/// Numbers whose type is known only when they are read: an int may be passed to a parameter of type double.

#include "daskify/codec/stream.hpp"
#include "daskify/codec/traits.hpp"
#include "daskify/program/task_program.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

namespace daskify::internal {

/// Part of the protocol: new types must be appended.
using number_types =
    types<bool, char, signed char, unsigned char, wchar_t, char8_t, char16_t, char32_t, short, unsigned short, int,
          unsigned, long, unsigned long, long long, unsigned long long, float, double, long double>;

/// The kind of a value: position of its type in number_types, from 1; or expected_type for the type the reader expects.
using number_kind = std::uint8_t;
inline constexpr number_kind expected_type = 0;

/// expected_type for all other types.
template <class T>
inline constexpr number_kind kind_of_number = []<class... Ns>(types<Ns...>) {
  number_kind kind = 0;
  static_cast<void>(((++kind, std::is_same_v<T, Ns>) || ...));
  return (std::is_same_v<T, Ns> || ...) ? kind : expected_type;
}(number_types{});

/// A number of type T converts implicitly to V.
template <class T, class V>
inline constexpr bool is_number_for = kind_of_number<T> != expected_type&& std::is_convertible_v<T, V>;

/// Some type of number converts implicitly to V.
template <class V>
inline constexpr bool takes_numbers =
    []<class... Ns>(types<Ns...>) { return (is_number_for<Ns, V> || ...); }(number_types{});

/// Converts an argument to the type of its parameter as a call does.
template <class V, class T>
V converted_to(const T& value) {
  if constexpr (std::is_arithmetic_v<V> && std::is_arithmetic_v<T>)
    return static_cast<V>(value); // an explicit cast, to avoid the warning
  else
    return value;
}

/// A number of any of these types.
class number {
public:
  template <class T>
  explicit number(T value) : kind_{kind_of_number<T>} {
    static_assert(kind_of_number<T> != expected_type);
    std::memcpy(bytes_.data(), &value, sizeof value);
  }

  /// Converts the number implicitly to V. Throws data_error, by way of the decoder, if that is not possible.
  template <class V>
  V to(const decoder& in) const {
    std::optional<V> value;
    [&]<class... Ns>(types<Ns...>) { static_cast<void>((convert<Ns>(value) || ...)); }(number_types{});
    if (!value)
      refuse(in);
    return *std::move(value);
  }

  [[noreturn]] static void refuse(const decoder& in) {
    in.refuse("it is a number of a type that the parameter does not take");
  }

private:
  template <class T, class V>
  bool convert([[maybe_unused]] std::optional<V>& value) const {
    if constexpr (is_number_for<T, V>)
      if (kind_ == kind_of_number<T>) {
        T original;
        std::memcpy(&original, bytes_.data(), sizeof original);
        value.emplace(converted_to<V>(original));
        return true;
      }
    return false;
  }

  number_kind kind_;
  std::array<std::byte, sizeof(long double)> bytes_{};
};

/// Read a scattered number or the result of a future, as written by argument<scattered<T>, T> and argument<future<T>,
/// T>. Throw data_error, also for an unknown kind.
number read_scattered_number(number_kind kind, decoder& in, program_inputs& inputs);
number read_future_number(number_kind kind, decoder& in, program_inputs& inputs);

} // namespace daskify::internal
