#pragma once

/// Codecs of the standard containers and strings: the number of elements, then the elements. An element whose encoding
/// may be empty is preceded by one byte, so that a few bytes cannot request an unlimited number of elements.

#include "daskify/codec/scalar.hpp"
#include "daskify/codec/standard_containers.hpp"
#include "daskify/codec/stream.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace daskify {

namespace internal {

/// The common part of all containers: the count in front.
struct counted {
  using count_type = std::uint64_t;
  static constexpr bool is_container = true;
  static constexpr std::size_t min_size = sizeof(count_type);

  static void write_count(encoder& out, std::size_t count) { codec<count_type>::write(out, count); }
};

/// One element of a container, consisting of the values T...
template <class... T>
struct element_of {
  static constexpr bool needs_mark = total_min_size<types<T...>> == 0;
  static constexpr std::size_t min_size = needs_mark ? 1 : total_min_size<types<T...>>;

  static void write_mark(encoder& out) {
    if constexpr (needs_mark)
      out.write(std::byte{});
  }
  static void read_mark(decoder& in) {
    if constexpr (needs_mark)
      if (in.read<std::byte>() != std::byte{})
        in.refuse("an element does not start where it should");
  }
};

/// Iterates over values of type T that may be unaligned.
template <class T>
class packed_iterator {
public:
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = T;
  using iterator_category = std::random_access_iterator_tag;

  explicit packed_iterator(const std::byte* position) : position_{position} {}

  T operator*() const {
    std::array<std::byte, sizeof(T)> bytes;
    std::memcpy(bytes.data(), position_, sizeof(T));
    return std::bit_cast<T>(bytes);
  }
  packed_iterator& operator++() {
    position_ += sizeof(T);
    return *this;
  }
  friend difference_type operator-(packed_iterator a, packed_iterator b) {
    return (a.position_ - b.position_) / static_cast<difference_type>(sizeof(T));
  }
  friend bool operator==(packed_iterator, packed_iterator) = default;

private:
  const std::byte* position_;
};

/// Strings and vectors of bitwise elements: a single copy of contiguous memory on both sides.
template <class Container>
struct contiguous_codec : counted {
  using value_type = typename Container::value_type;
  using parts = types<value_type>;

  static void write(encoder& out, const Container& x) {
    write_count(out, x.size());
    out.append(x.data(), x.size() * sizeof(value_type));
  }

  static Container read(decoder& in) {
    auto bytes = in.take(in.read_count(sizeof(value_type)) * sizeof(value_type));
    using iterator = packed_iterator<value_type>;
    return Container(iterator{bytes.data()}, iterator{bytes.data() + bytes.size()});
  }
};

/// Sequences that grow at the end.
template <class Container>
struct sequence_codec : counted {
  using value_type = typename Container::value_type;
  using parts = types<value_type>;

  static void write(encoder& out, const Container& x) {
    write_count(out, x.size());
    for (const auto& element : x) {
      element_of<value_type>::write_mark(out);
      out.write(element);
    }
  }

  static Container read(decoder& in) {
    auto count = in.read_count(element_of<value_type>::min_size);
    Container x;
    if constexpr (requires { x.reserve(count); }) {
      auto most = in.remaining() / sizeof(value_type);
      x.reserve(count < most ? count : most);
    }
    for (; count != 0; --count) {
      element_of<value_type>::read_mark(in);
      x.emplace_back(in.read<value_type>());
    }
    return x;
  }
};

/// An ordering or hash with state, which cannot be encoded.
template <class Policy>
class state_of {
  state_of(const state_of&) = delete;
};

/// Types that must be encodable besides keys and values: none, or state_of, which is not.
template <class... Part, class... Policy>
auto parts_with_policies(types<Part...>, types<Policy...>)
    -> types<Part..., std::conditional_t<std::is_empty_v<Policy>, std::byte, state_of<Policy>>...>;

template <class Container>
inline constexpr bool has_unique_keys = // insert returns whether the element was inserted
    !std::is_same_v<decltype(std::declval<Container&>().insert(std::declval<const typename Container::value_type&>())),
                    typename Container::iterator>;

template <class Container>
void insert_new(decoder& in, Container& x, auto&&... element) {
  auto size = x.size();
  x.emplace_hint(x.end(), std::forward<decltype(element)>(element)...);
  if (has_unique_keys<Container> && x.size() == size)
    in.refuse("a key occurs twice");
}

template <class Set, class... Policy>
struct set_codec : counted {
  using key = typename Set::key_type;
  using element = element_of<key>;
  using parts = decltype(parts_with_policies(types<key>{}, types<Policy...>{}));

  static void write(encoder& out, const Set& x) {
    write_count(out, x.size());
    for (const auto& member : x) {
      element::write_mark(out);
      out.write(member);
    }
  }

  static Set read(decoder& in) {
    Set x;
    for (auto count = in.read_count(element::min_size); count != 0; --count) {
      element::read_mark(in);
      insert_new(in, x, in.read<key>());
    }
    return x;
  }
};

template <class Map, class... Policy>
struct map_codec : counted {
  using key = typename Map::key_type;
  using value = typename Map::mapped_type;
  using element = element_of<key, value>;
  using parts = decltype(parts_with_policies(types<key, value>{}, types<Policy...>{}));

  static void write(encoder& out, const Map& x) {
    write_count(out, x.size());
    for (const auto& [k, v] : x) {
      element::write_mark(out);
      out.write(k);
      out.write(v);
    }
  }

  static Map read(decoder& in) {
    Map x;
    for (auto count = in.read_count(element::min_size); count != 0; --count) {
      element::read_mark(in);
      auto k = in.read<key>();
      insert_new(in, x, std::move(k), in.read<value>());
    }
    return x;
  }
};

} // namespace internal

template <class T, class Traits, class Allocator>
struct codec<std::basic_string<T, Traits, Allocator>>
    : internal::contiguous_codec<std::basic_string<T, Traits, Allocator>> {};

template <class T, class Allocator>
struct codec<std::vector<T, Allocator>>
    : std::conditional_t<bitwise<T>, internal::contiguous_codec<std::vector<T, Allocator>>,
                         internal::sequence_codec<std::vector<T, Allocator>>> {};

template <class T, class Allocator>
struct codec<std::deque<T, Allocator>> : internal::sequence_codec<std::deque<T, Allocator>> {};

template <class T, class Allocator>
struct codec<std::list<T, Allocator>> : internal::sequence_codec<std::list<T, Allocator>> {};

/// Eight bits per byte; the unused bits of the last byte are 0.
template <class Allocator>
struct codec<std::vector<bool, Allocator>> : internal::counted {
  static void write(encoder& out, const std::vector<bool, Allocator>& x) {
    write_count(out, x.size());
    auto* bytes = out.buffer().extend((x.size() + 7) / 8);
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (i % 8 == 0)
        bytes[i / 8] = std::byte{};
      bytes[i / 8] |= std::byte{x[i]} << (i % 8);
    }
  }

  static std::vector<bool, Allocator> read(decoder& in) {
    auto count = in.read<count_type>();
    auto bytes = in.take(count / 8 + (count % 8 != 0));
    std::vector<bool, Allocator> x(count);
    for (std::size_t i = 0; i < count; ++i)
      x[i] = (bytes[i / 8] >> (i % 8) & std::byte{1}) != std::byte{};
    if (count % 8 != 0 && (bytes.back() >> (count % 8)) != std::byte{})
      in.refuse("a vector of bools has bits behind its end");
    return x;
  }
};

template <class T, class Allocator>
struct codec<std::forward_list<T, Allocator>> : internal::counted {
  using parts = internal::types<T>;
  using element = internal::element_of<T>;

  static void write(encoder& out, const std::forward_list<T, Allocator>& x) {
    write_count(out, static_cast<std::size_t>(std::distance(x.begin(), x.end())));
    for (const auto& member : x) {
      element::write_mark(out);
      out.write(member);
    }
  }

  static std::forward_list<T, Allocator> read(decoder& in) {
    std::forward_list<T, Allocator> x;
    auto last = x.before_begin();
    for (auto count = in.read_count(element::min_size); count != 0; --count) {
      element::read_mark(in);
      last = x.emplace_after(last, in.read<T>());
    }
    return x;
  }
};

template <class K, class Order, class A>
struct codec<std::set<K, Order, A>> : internal::set_codec<std::set<K, Order, A>, Order> {};

template <class K, class Order, class A>
struct codec<std::multiset<K, Order, A>> : internal::set_codec<std::multiset<K, Order, A>, Order> {};

template <class K, class Hash, class Equal, class A>
struct codec<std::unordered_set<K, Hash, Equal, A>>
    : internal::set_codec<std::unordered_set<K, Hash, Equal, A>, Hash, Equal> {};

template <class K, class Hash, class Equal, class A>
struct codec<std::unordered_multiset<K, Hash, Equal, A>>
    : internal::set_codec<std::unordered_multiset<K, Hash, Equal, A>, Hash, Equal> {};

template <class K, class V, class Order, class A>
struct codec<std::map<K, V, Order, A>> : internal::map_codec<std::map<K, V, Order, A>, Order> {};

template <class K, class V, class Order, class A>
struct codec<std::multimap<K, V, Order, A>> : internal::map_codec<std::multimap<K, V, Order, A>, Order> {};

template <class K, class V, class Hash, class Equal, class A>
struct codec<std::unordered_map<K, V, Hash, Equal, A>>
    : internal::map_codec<std::unordered_map<K, V, Hash, Equal, A>, Hash, Equal> {};

template <class K, class V, class Hash, class Equal, class A>
struct codec<std::unordered_multimap<K, V, Hash, Equal, A>>
    : internal::map_codec<std::unordered_multimap<K, V, Hash, Equal, A>, Hash, Equal> {};

} // namespace daskify
