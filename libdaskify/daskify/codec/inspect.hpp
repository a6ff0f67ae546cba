#pragma once

/// Codec of classes with an `inspect(f, x)`, found by argument-dependent lookup, in the style of CAF 0.17,
///
///     template <class Inspector> auto inspect(Inspector& f, point& p) { return f(p.x, p.y); }
///
/// or of CAF 0.18:
///
///     template <class Inspector> bool inspect(Inspector& f, point& p) {
///       return f.object(p).fields(f.field("x", p.x), f.field("y", p.y));
///     }
///
/// Temporaries of class type and string literals passed to f are annotations, and are ignored.

#include "daskify/codec/stream.hpp"

#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace daskify {

namespace internal {

/// A member of an aggregate or an argument of inspect; only here arrays are allowed.
template <class T>
void write_member(encoder& out, const T& x) {
  if constexpr (std::is_array_v<T>)
    for (const auto& element : x)
      write_member(out, element);
  else
    out.write(x);
}

template <class T>
void read_member(decoder& in, T& x) {
  if constexpr (std::is_array_v<T>)
    for (auto& element : x)
      read_member(in, element);
  else
    x = in.read<T>();
}

/// True if f visits an argument of this type; `Arg` is deduced as a forwarding reference.
template <class Arg>
inline constexpr bool is_inspected =
    std::is_lvalue_reference_v<Arg> && !(std::is_array_v<std::remove_reference_t<Arg>> &&
                                         std::is_const_v<std::remove_all_extents_t<std::remove_reference_t<Arg>>>);

template <class Arg>
inline constexpr bool is_annotation = !is_inspected<Arg> && (std::is_class_v<Arg> || std::is_lvalue_reference_v<Arg>);

template <class T>
struct named_member {
  T& value;
};

/// Calls `visit` with each variable that an inspect function passes.
template <class Visit, bool Loading>
class inspector {
public:
  using result_type = bool;
  static constexpr bool is_loading = Loading;
  static constexpr bool reads_state = !Loading;
  static constexpr bool writes_state = Loading;

  explicit inspector(Visit visit) : visit_{visit} {}

  template <class... Arg>
  bool operator()(Arg&&... args) {
    (visit_if_inspected<Arg>(args), ...);
    return true;
  }

  template <class T>
  inspector& object(T&) {
    return *this;
  }
  inspector& pretty_name(std::string_view) { return *this; }
  template <class T>
  named_member<T> field(std::string_view, T& value) {
    return {value};
  }
  template <class... T>
  bool fields(named_member<T>... members) {
    (visit_(members.value), ...);
    return true;
  }

private:
  template <class Arg>
  void visit_if_inspected(std::remove_reference_t<Arg>& arg) {
    static_assert(is_inspected<Arg> || is_annotation<Arg>,
                  "daskify: inspect passes a temporary where a variable is needed, so that its value would be "
                  "lost");
    if constexpr (is_inspected<Arg>)
      visit_(arg);
  }

  Visit visit_;
};

/// The result of an inspect function: the types of the variables it passed. Converts to any result type that an inspect
/// function may declare.
template <class Types>
struct inspected {
  operator bool() const { return true; }
};

/// Determines what an inspect function passes, without calling it.
class inspection_probe {
public:
  using result_type = bool;
  static constexpr bool is_loading = false;
  static constexpr bool reads_state = true;
  static constexpr bool writes_state = false;

  template <class... Arg>
  auto operator()(Arg&&...) {
    return inspected<decltype(join(types<>{}, arguments<Arg>{}...))>{};
  }

  template <class T>
  inspection_probe& object(T&);
  inspection_probe& pretty_name(std::string_view);
  template <class T>
  named_member<T> field(std::string_view, T& value);
  template <class... T>
  inspected<types<T...>> fields(named_member<T>...);

private:
  template <class Arg>
  using arguments = std::conditional_t<is_inspected<Arg>, types<std::remove_reference_t<Arg>>, types<>>;

  template <class... A>
  static types<A...> join(types<A...>) {
    return {};
  }
  template <class... A, class... B, class... Rest>
  static auto join(types<A...>, types<B...>, Rest... rest) {
    return join(types<A..., B...>{}, rest...);
  }
};

template <class T, class As = T&>
concept has_inspect = requires(inspection_probe& f, As x) {
  inspect(f, x);
};

/// Stands for a T that converts to an lvalue of one of T's bases only.
template <class T>
struct as_base {
  template <class Base>
  requires(std::is_base_of_v<Base, T> && !std::is_same_v<Base, T>) operator Base&() const;
};

/// Stands for a T that converts to an lvalue of T only.
template <class T>
struct as_itself {
  template <std::same_as<T> Self>
  operator Self&() const;
};

/// The only inspect function is that of a base class, which would omit the members that T adds.
template <class T>
consteval bool inherits_inspect() {
  using base = const as_base<T>&;
  using itself = const as_itself<T>&;
  return has_inspect<T, base> && !has_inspect<T, itself>;
}

template <class T>
consteval bool is_inspectable() {
  if constexpr (!std::is_class_v<T> || !std::is_same_v<T, std::remove_cv_t<T>>)
    return false;
  else
    return has_inspect<T> && !inherits_inspect<T>() && std::is_default_constructible_v<T>;
}

template <class T>
concept inspectable = is_inspectable<T>();

template <class T>
struct inspected_types : std::type_identity<unknown_types> {};
template <class Types>
struct inspected_types<inspected<Types>> : std::type_identity<Types> {};

/// The types of the variables that T's inspect passes, or unknown_types if its declared result type hides them.
template <class T>
using inspected_types_of =
    typename inspected_types<decltype(inspect(std::declval<inspection_probe&>(), std::declval<T&>()))>::type;

} // namespace internal

template <internal::inspectable T>
struct codec<T> {
  using parts = internal::inspected_types_of<T>;
  static constexpr std::size_t min_size = internal::total_min_size<parts>;
  static constexpr bool fixed_size = internal::all_fixed_size<parts>;

  static void write(encoder& out, const T& x) {
    auto visit = [&out](const auto& member) { internal::write_member(out, member); };
    internal::inspector<decltype(visit), false> f{visit};
    static_cast<void>(inspect(f, const_cast<T&>(x))); // an inspect takes T&, but this one only reads
  }

  static T read(decoder& in) {
    T x{};
    auto visit = [&in](auto& member) { internal::read_member(in, member); };
    internal::inspector<decltype(visit), true> f{visit};
    static_cast<void>(inspect(f, x));
    return x;
  }
};

} // namespace daskify
