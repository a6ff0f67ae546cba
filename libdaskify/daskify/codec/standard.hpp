#pragma once

/// Codecs of the standard library's containers and sum and product types. Containers travel without their
/// comparators, hash functions and allocators, which are default-constructed on the other side.

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <forward_list>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "daskify/codec/coder.hpp"
#include "daskify/codec/traits.hpp"

namespace daskify {

namespace internal {

/// Any number of elements: their count, then one after the other.
struct counted {
  static constexpr encoded_layout layout{sizeof(std::uint64_t), false, false};
};

/// Makes room for `count` elements, but for no more than would fit in the bytes that are left.
template <class Container>
void reserve_within(Container& container, std::size_t count, const decoder& in) {
  if constexpr (requires { container.reserve(count); })
    container.reserve(std::min(count, in.remaining() / sizeof(typename Container::value_type)));
}

/// Appends `count` elements from their object representations. The bytes need not be aligned for `T`, so they
/// pass through a block that is, and that stays in the cache: the container's memory is written only once.
template <class Container>
void append_block(decoder& in, Container& container, std::size_t count) {
  using element = typename Container::value_type;
  constexpr auto block_size = std::max<std::size_t>(1, 4096 / sizeof(element));
  alignas(element) std::byte block[block_size * sizeof(element)];
  while (count != 0) {
    auto n = std::min(count, block_size);
    std::memcpy(block, in.take(n * sizeof(element)).data(), n * sizeof(element));
    auto* first = std::launder(reinterpret_cast<const element*>(block));
    container.insert(container.end(), first, first + n);
    count -= n;
  }
}

/// vector, basic_string, deque, list.
template <class Container>
struct sequence_codec : counted {
  using element = typename Container::value_type;
  using parts = types<element>;

  static void write(encoder& out, const Container& values) {
    out.write_count(values.size());
    if constexpr (layout_of<element>().bitwise && requires { values.data(); }) {
      out.append(values.data(), values.size() * sizeof(element));
    } else {
      auto level = out.nest();
      for (const auto& value : values)
        put_element(out, value);
    }
  }

  static Container read(decoder& in) {
    auto count = in.read_count(smallest_element<element>);
    Container values;
    reserve_within(values, count, in);
    if constexpr (layout_of<element>().bitwise) {
      append_block(in, values, count);
    } else {
      auto level = in.nest();
      for (; count != 0; --count)
        values.push_back(get_element<element>(in));
    }
    return values;
  }
};

/// The sets and maps. `Element` is what is read: a map's pair without the const of its key.
template <class Container, class Element>
struct associative_codec : counted {
  using parts = types<Element>;

  static void write(encoder& out, const Container& values) {
    auto level = out.nest();
    out.write_count(values.size());
    for (const auto& value : values)
      put_element(out, value);
  }

  static Container read(decoder& in) {
    auto level = in.nest();
    auto count = in.read_count(smallest_element<Element>);
    Container values;
    reserve_within(values, count, in);
    for (; count != 0; --count) {
      auto before = values.size();
      values.insert(values.end(), get_element<Element>(in));
      if (values.size() == before)
        throw_corrupt("a set or map has the same key twice");
    }
    return values;
  }
};

} // namespace internal

template <class T, class A>
struct codec<std::vector<T, A>> : internal::sequence_codec<std::vector<T, A>> {};
template <class T, class Traits, class A>
struct codec<std::basic_string<T, Traits, A>> : internal::sequence_codec<std::basic_string<T, Traits, A>> {};
template <class T, class A>
struct codec<std::deque<T, A>> : internal::sequence_codec<std::deque<T, A>> {};
template <class T, class A>
struct codec<std::list<T, A>> : internal::sequence_codec<std::list<T, A>> {};

template <class K, class C, class A>
struct codec<std::set<K, C, A>> : internal::associative_codec<std::set<K, C, A>, K> {};
template <class K, class C, class A>
struct codec<std::multiset<K, C, A>> : internal::associative_codec<std::multiset<K, C, A>, K> {};
template <class K, class H, class E, class A>
struct codec<std::unordered_set<K, H, E, A>>
    : internal::associative_codec<std::unordered_set<K, H, E, A>, K> {};
template <class K, class H, class E, class A>
struct codec<std::unordered_multiset<K, H, E, A>>
    : internal::associative_codec<std::unordered_multiset<K, H, E, A>, K> {};

template <class K, class V, class C, class A>
struct codec<std::map<K, V, C, A>> : internal::associative_codec<std::map<K, V, C, A>, std::pair<K, V>> {};
template <class K, class V, class C, class A>
struct codec<std::multimap<K, V, C, A>>
    : internal::associative_codec<std::multimap<K, V, C, A>, std::pair<K, V>> {};
template <class K, class V, class H, class E, class A>
struct codec<std::unordered_map<K, V, H, E, A>>
    : internal::associative_codec<std::unordered_map<K, V, H, E, A>, std::pair<K, V>> {};
template <class K, class V, class H, class E, class A>
struct codec<std::unordered_multimap<K, V, H, E, A>>
    : internal::associative_codec<std::unordered_multimap<K, V, H, E, A>, std::pair<K, V>> {};

template <class T, class A>
struct codec<std::forward_list<T, A>> : internal::counted {
  using parts = internal::types<T>;

  static void write(encoder& out, const std::forward_list<T, A>& values) {
    auto level = out.nest();
    out.write_count(static_cast<std::size_t>(std::distance(values.begin(), values.end())));
    for (const auto& value : values)
      internal::put_element(out, value);
  }

  static std::forward_list<T, A> read(decoder& in) {
    auto level = in.nest();
    std::forward_list<T, A> values;
    auto last = values.before_begin();
    for (auto count = in.read_count(internal::smallest_element<T>); count != 0; --count)
      last = values.insert_after(last, internal::get_element<T>(in));
    return values;
  }
};

namespace internal {

/// Eight bits to a byte, the first in the lowest; the last byte is filled up with zeros.
template <class Bits>
void put_bits(encoder& out, const Bits& bits) {
  for (std::size_t i = 0; i < bits.size(); i += 8) {
    unsigned byte = 0;
    for (std::size_t j = i; j < std::min(i + 8, bits.size()); ++j)
      byte |= unsigned{bits[j]} << (j - i);
    put(out, static_cast<std::uint8_t>(byte));
  }
}

template <class Bits>
void get_bits(decoder& in, Bits& bits) {
  for (std::size_t i = 0; i < bits.size(); i += 8) {
    unsigned byte = get<std::uint8_t>(in);
    for (std::size_t j = i; j < std::min(i + 8, bits.size()); ++j)
      bits[j] = (byte >> (j - i) & 1U) != 0;
    if (bits.size() - i < 8 && byte >> (bits.size() - i) != 0)
      throw_corrupt("the last byte of some bits is not filled up with zeros");
  }
}

} // namespace internal

template <class A>
struct codec<std::vector<bool, A>> : internal::counted {
  static void write(encoder& out, const std::vector<bool, A>& values) {
    out.write_count(values.size());
    internal::put_bits(out, values);
  }

  static std::vector<bool, A> read(decoder& in) {
    auto count = internal::get<std::uint64_t>(in);
    auto bytes = count / 8 + (count % 8 != 0 ? 1 : 0);
    if (bytes > in.remaining())
      internal::throw_truncated(static_cast<std::size_t>(bytes), in.remaining());
    std::vector<bool, A> values(static_cast<std::size_t>(count));
    internal::get_bits(in, values);
    return values;
  }
};

template <std::size_t size>
struct codec<std::bitset<size>> {
  static constexpr internal::encoded_layout layout{(size + 7) / 8, true, false};

  static void write(encoder& out, const std::bitset<size>& value) { internal::put_bits(out, value); }

  static std::bitset<size> read(decoder& in) {
    std::bitset<size> value;
    internal::get_bits(in, value);
    return value;
  }
};

template <class T, std::size_t size>
struct codec<std::array<T, size>> {
  using parts = internal::types<std::remove_const_t<T>>;
  static constexpr auto element = internal::layout_of<std::remove_const_t<T>>();
  static constexpr internal::encoded_layout layout{size * element.smallest, size == 0 || element.fixed,
                                                   size != 0 && element.bitwise};

  static void write([[maybe_unused]] encoder& out, const std::array<T, size>& values) {
    for (const auto& value : values)
      internal::put(out, value);
  }

  static std::array<T, size> read([[maybe_unused]] decoder& in) {
    if constexpr (std::is_default_constructible_v<T> && !std::is_const_v<T>) {
      std::array<T, size> values{};
      for (auto& value : values)
        internal::get_into(in, value);
      return values;
    } else {
      return [&]<std::size_t... i>(std::index_sequence<i...>) {
        return std::array<T, size>{(static_cast<void>(i), internal::get<std::remove_const_t<T>>(in))...};
      }
      (std::make_index_sequence<size>{});
    }
  }
};

namespace internal {

/// pair and tuple: their members one after the other.
template <class Product, class... Ts>
struct product_codec {
  using parts = types<Ts...>;
  static constexpr encoded_layout layout{(layout_of<Ts>().smallest + ... + 0), (layout_of<Ts>().fixed && ...),
                                         false};

  static void write([[maybe_unused]] encoder& out, const Product& value) {
    std::apply([&](const auto&... members) { (put(out, members), ...); }, value);
  }

  /// Braces, because their contents are evaluated from left to right.
  static Product read([[maybe_unused]] decoder& in) { return Product{get<Ts>(in)...}; }
};

} // namespace internal

template <class T, class U>
struct codec<std::pair<T, U>>
    : internal::product_codec<std::pair<T, U>, std::remove_cv_t<T>, std::remove_cv_t<U>> {};
template <class... Ts>
struct codec<std::tuple<Ts...>> : internal::product_codec<std::tuple<Ts...>, std::remove_cv_t<Ts>...> {};

template <class T>
struct codec<std::optional<T>> {
  using parts = internal::types<T>;
  static constexpr internal::encoded_layout layout{1, false, false};

  static void write(encoder& out, const std::optional<T>& value) {
    internal::put(out, value.has_value());
    if (value)
      internal::put(out, *value);
  }

  static std::optional<T> read(decoder& in) {
    if (!internal::get<bool>(in))
      return std::nullopt;
    return std::optional<T>{std::in_place, internal::get<T>(in)};
  }
};

template <class... Ts>
struct codec<std::variant<Ts...>> {
  using parts = internal::types<Ts...>;
  using index = std::uint32_t;
  static constexpr internal::encoded_layout layout{
      sizeof(index) + std::min({internal::layout_of<Ts>().smallest...}), false, false};

  static void write(encoder& out, const std::variant<Ts...>& value) {
    if (value.valueless_by_exception())
      internal::throw_not_encodable("it is a variant that lost its value to an exception");
    internal::put(out, static_cast<index>(value.index()));
    std::visit([&](const auto& alternative) { internal::put(out, alternative); }, value);
  }

  static std::variant<Ts...> read(decoder& in) {
    auto which = internal::get<index>(in);
    if (which >= sizeof...(Ts))
      internal::throw_corrupt("a variant has no alternative of that number");
    return read_alternative<0>(in, which);
  }

private:
  template <std::size_t i>
  static std::variant<Ts...> read_alternative(decoder& in, index which) {
    if constexpr (i + 1 < sizeof...(Ts))
      if (which != i)
        return read_alternative<i + 1>(in, which);
    using alternative = std::variant_alternative_t<i, std::variant<Ts...>>;
    return std::variant<Ts...>{std::in_place_index<i>, internal::get<alternative>(in)};
  }
};

} // namespace daskify
