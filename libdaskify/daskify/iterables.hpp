#pragma once

/// The iterables of a sweep: ranges, which are stored by their limits, and containers of values.
///
/// Each iterable has `size()` and `operator[](i)`. A range of a billion numbers is stored and sent as three numbers.

#include "daskify/error.hpp"

#include <cmath>
#include <concepts>
#include <cstdint>
#include <iterator>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace daskify {

/// Integers from `start` in steps of `step`.
template <std::integral T>
struct integer_range {
  T start{};
  T step{1};
  std::uint64_t count = 0;

  std::uint64_t size() const noexcept { return count; }
  /// Computed in unsigned arithmetic, so that intermediate results cannot overflow.
  T operator[](std::uint64_t i) const noexcept {
    using wide = std::uint64_t;
    return static_cast<T>(static_cast<wide>(start) + i * static_cast<wide>(step));
  }
};

/// Real numbers from `first` to `last` inclusive, evenly spaced.
struct linear_space {
  double first = 0;
  double last = 0;
  std::uint64_t count = 0;

  std::uint64_t size() const noexcept { return count; }
  double operator[](std::uint64_t i) const noexcept {
    if (i + 1 >= count)
      return count == 1 ? first : last;
    return first + static_cast<double>(i) * ((last - first) / static_cast<double>(count - 1));
  }
};

/// Powers of ten whose exponents are evenly spaced.
struct logarithmic_space {
  linear_space exponents;

  std::uint64_t size() const noexcept { return exponents.size(); }
  double operator[](std::uint64_t i) const noexcept { return std::pow(10.0, exponents[i]); }
};

/// start, start + step, ... as long as below `stop` (above it for a negative step), like Python's range. The elements
/// are of the common type of start and stop. Throws data_error(bad_argument) for a step of 0.
template <std::integral A, std::integral B, std::integral S = int, class T = std::common_type_t<A, B>>
integer_range<T> range(A from, B to, S by = 1) {
  auto start = static_cast<T>(from);
  auto stop = static_cast<T>(to);
  auto step = static_cast<T>(by);
  if (step == 0)
    throw data_error{error_code::bad_argument,
                     "range was called with a step of 0, which never ends; give a step above or below 0."};
  using wide = std::uint64_t;
  bool up = step > 0;
  if (up ? start >= stop : start <= stop)
    return {start, step, 0};
  auto distance =
      up ? static_cast<wide>(stop) - static_cast<wide>(start) : static_cast<wide>(start) - static_cast<wide>(stop);
  auto stride = up ? static_cast<wide>(step) : wide{0} - static_cast<wide>(step);
  return {start, step, (distance - 1) / stride + 1};
}

/// 0, 1, ... stop - 1.
template <std::integral T>
integer_range<T> range(T stop) {
  return range(T{0}, stop);
}

/// Not available for real numbers: linspace(first, last, count) states their number.
template <class... Ts>
requires(std::is_floating_point_v<Ts> || ...) void range(Ts...) = delete;

namespace internal {

/// Throws data_error(bad_argument) for a negative count, which would otherwise be converted to a very large one.
template <std::integral T>
std::uint64_t to_count(T count, const char* whose) {
  if constexpr (std::is_signed_v<T>)
    if (count < 0)
      throw data_error{error_code::bad_argument, std::string{whose} + " was called with a count of " +
                                                     std::to_string(count) + "; give 0 or more."};
  return static_cast<std::uint64_t>(count);
}

} // namespace internal

/// `count` numbers from `first` to `last` inclusive; the last one is exactly `last`.
/// Throws data_error(bad_argument) for a negative count.
template <std::integral T>
linear_space linspace(double first, double last, T count) {
  return {first, last, internal::to_count(count, "linspace")};
}

/// `count` numbers from 10^first to 10^last inclusive. Throws data_error(bad_argument) for a negative count.
template <std::integral T>
logarithmic_space logspace(double first, double last, T count) {
  return {{first, last, internal::to_count(count, "logspace")}};
}

namespace internal {

template <class T>
inline constexpr bool is_described_range = false;
template <class T>
inline constexpr bool is_described_range<integer_range<T>> = true;
template <>
inline constexpr bool is_described_range<linear_space> = true;
template <>
inline constexpr bool is_described_range<logarithmic_space> = true;

/// The values of a std::vector<bool>, which has no elements that could be referred to.
struct bool_values {
  std::vector<char> values;

  std::uint64_t size() const noexcept { return values.size(); }
  bool operator[](std::uint64_t i) const noexcept { return values[i] != 0; }
};

// Requirements of a `for` over a range. The equivalent concepts of <ranges> take long to compile.
namespace range_access {

using std::begin;

template <class T>
auto first_of(T& values) -> decltype(begin(values));

} // namespace range_access

template <class T>
using iterator_of = decltype(range_access::first_of(std::declval<std::remove_reference_t<T>&>()));

/// A range or container that can be iterated over.
template <class T>
concept several_values = std::input_iterator<iterator_of<T>>;

/// Stores an iterable: a described range as it is, anything else as a vector of its values.
template <class T>
auto to_iterable(T&& values) {
  using plain = std::remove_cvref_t<T>;
  if constexpr (is_described_range<plain>) {
    return plain{values};
  } else {
    static_assert(several_values<T>,
                  "daskify: iterables(...) and map take ranges, linspace, logspace and containers of values");
    using value = std::iter_value_t<iterator_of<T>>;
    if constexpr (std::is_same_v<plain, std::vector<value>> && !std::is_same_v<value, bool>) {
      return std::vector<value>(std::forward<T>(values));
    } else {
      constexpr bool is_bool = std::is_same_v<value, bool>;
      std::vector<std::conditional_t<is_bool, char, value>> copy;
      if constexpr (requires { copy.reserve(std::size(values)); })
        copy.reserve(std::size(values));
      for (auto&& v : values)
        copy.push_back(static_cast<typename decltype(copy)::value_type>(v));
      if constexpr (is_bool)
        return bool_values{std::move(copy)};
      else
        return copy;
    }
  }
}

} // namespace internal

/// Values that every task gets, as its first parameters. Created by `args(...)`.
template <class... Ts>
struct arguments {
  std::tuple<Ts...> values;
};

/// The iterables of a run: every combination of their elements becomes a task. Created by `iterables(...)`.
template <class... Its>
struct product {
  std::tuple<Its...> factors;
};

/// Number of times that the whole product is run. Created by `loops(n)`.
struct repetitions {
  std::uint64_t count = 1;
};

template <class T>
class data_builder;

namespace internal {

template <class T>
inline constexpr bool is_builder = false;
template <class T>
inline constexpr bool is_builder<data_builder<T>> = true;

/// A compile-time error for passing a builder to a task, which is clearer than that a builder cannot be copied.
template <class... Ts>
constexpr void require_values() {
  static_assert(!(is_builder<std::decay_t<Ts>> || ...),
                "daskify: a builder is no value for a task; scatter it, scatter_data(std::move(builder)), and pass the "
                "handle");
}

/// A string literal is sent as a std::string.
template <class T>
using kept_argument =
    std::conditional_t<std::is_convertible_v<std::decay_t<T>, const char*> && !std::is_null_pointer_v<std::decay_t<T>>,
                       std::string, std::decay_t<T>>;

} // namespace internal

/// Values, scattered<T> or future<T> that are passed to every task before the elements of the iterables.
template <class... Ts>
arguments<internal::kept_argument<Ts>...> args(Ts&&... values) {
  internal::require_values<Ts...>();
  return {{std::forward<Ts>(values)...}};
}

/// Ranges, linspace, logspace and containers; the last one varies fastest.
template <class... Ts>
auto iterables(Ts&&... values) {
  return product<decltype(internal::to_iterable(std::forward<Ts>(values)))...>{
      {internal::to_iterable(std::forward<Ts>(values))...}};
}

/// Runs the whole product `count` times, as the outermost loop. Throws data_error(bad_argument) for a negative count.
template <std::integral T>
repetitions loops(T count) {
  return {internal::to_count(count, "loops")};
}

} // namespace daskify
