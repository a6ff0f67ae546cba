#include "daskify/codec.hpp"
#include "daskify/error.hpp"
#include "support/allocation_count.hpp"

#include <array>
#include <bitset>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace daskify;
using daskify::test::allocated;
using daskify::test::most_allocated;
using generator = std::mt19937_64;
using bytes = std::vector<std::byte>;

enum class colour : std::uint8_t { red, green };

struct empty {
  bool operator==(const empty&) const = default;
};

struct tree {
  std::vector<tree> children;
  std::optional<std::string> name;
  bool operator==(const tree&) const = default;
};

struct record {
  bool flag;
  std::string name;
  double cells[2][2];
  std::vector<std::pair<int, std::string>> rows;
  bool operator==(const record&) const = default;
};

class inspected {
public:
  bool operator==(const inspected&) const = default;

  template <class Inspector>
  friend bool inspect(Inspector& f, inspected& x) {
    return f(x.number_, x.words_);
  }

  template <class Random>
  void fill(Random&& random) {
    number_ = static_cast<int>(random() % 100);
    words_.assign(random() % 4, std::string(random() % 20, 'w'));
  }

private:
  int number_ = 0;
  std::list<std::string> words_;
};

// Random values
// ----------------------------------------------------------------------------------------------

std::size_t small(generator& random) {
  return random() % 5;
}

template <class T>
struct any_of;

template <class T>
T make(generator& random) {
  return any_of<T>::make(random);
}

template <class T>
requires std::is_arithmetic_v<T>
struct any_of<T> {
  static T make(generator& random) { return static_cast<T>(random() % 1000); }
};
template <>
struct any_of<bool> {
  static bool make(generator& random) { return random() % 2 == 0; }
};
template <>
struct any_of<colour> {
  static colour make(generator&) { return colour::green; }
};
template <>
struct any_of<empty> {
  static empty make(generator&) { return {}; }
};
template <>
struct any_of<std::string> {
  static std::string make(generator& random) { return std::string(random() % 40, 's'); }
};
template <class T>
requires requires(T& x, typename T::value_type v) {
  x.insert(x.end(), v);
}
struct any_of<T> {
  static T make(generator& random) {
    T x;
    for (auto n = small(random); n != 0; --n)
      x.insert(x.end(), ::make<typename T::value_type>(random));
    return x;
  }
};
template <class T>
struct any_of<std::forward_list<T>> {
  static std::forward_list<T> make(generator& random) { return std::forward_list<T>(small(random), ::make<T>(random)); }
};
template <class T, std::size_t N>
struct any_of<std::array<T, N>> {
  static std::array<T, N> make(generator& random) {
    std::array<T, N> x;
    for (auto& element : x)
      element = ::make<T>(random);
    return x;
  }
};
template <class A, class B>
struct any_of<std::pair<A, B>> {
  static std::pair<A, B> make(generator& random) { return {::make<std::remove_const_t<A>>(random), ::make<B>(random)}; }
};
template <class... T>
struct any_of<std::tuple<T...>> {
  static std::tuple<T...> make(generator& random) { return {::make<T>(random)...}; }
};
template <class T>
struct any_of<std::optional<T>> {
  static std::optional<T> make(generator& random) { return random() % 2 == 0 ? std::optional<T>{} : ::make<T>(random); }
};
template <class A, class B>
struct any_of<std::variant<A, B>> {
  static std::variant<A, B> make(generator& random) {
    if (random() % 2 == 0)
      return ::make<A>(random);
    return ::make<B>(random);
  }
};
template <class T>
struct any_of<std::complex<T>> {
  static std::complex<T> make(generator& random) { return {::make<T>(random), ::make<T>(random)}; }
};
template <std::size_t N>
struct any_of<std::bitset<N>> {
  static std::bitset<N> make(generator& random) { return random(); }
};
template <>
struct any_of<tree> {
  static tree make(generator& random) {
    tree x;
    for (auto n = random() % 3; n > 1; --n)
      x.children.push_back(make(random));
    x.name = ::make<std::optional<std::string>>(random);
    return x;
  }
};
template <>
struct any_of<record> {
  static record make(generator& random) {
    return {::make<bool>(random),
            ::make<std::string>(random),
            {{1, 2}, {3, ::make<double>(random)}},
            ::make<std::vector<std::pair<int, std::string>>>(random)};
  }
};
template <>
struct any_of<inspected> {
  static inspected make(generator& random) {
    inspected x;
    x.fill(random);
    return x;
  }
};

// What has to hold
// ---------------------------------------------------------------------------------------------

bytes encoded(const auto& value) {
  auto buffer = encode(value);
  return {buffer.data(), buffer.data() + buffer.size()};
}

/// Decodes what may be anything. A value must encode to as many bytes as it was made from.
template <class T>
error_code outcome(const bytes& input) {
  auto before = allocated();
  daskify::test::forget_peak();
  auto code = error_code::none;
  std::size_t size = 0;
  try {
    auto value = decode<T>(input);
    EXPECT_LE(most_allocated() - before, 4096 + 100 * input.size());
    size = encode(value).size();
    EXPECT_EQ(size, input.size());
  } catch (const data_error& e) {
    EXPECT_LE(most_allocated() - before, 4096 + 100 * input.size());
    code = e.code();
  }
  EXPECT_EQ(allocated(), before);
  return code;
}

template <class T>
class codec_fuzz : public testing::Test {
protected:
  generator random{20240229}; // the same bytes in every run
};

using fuzzed_types =
    testing::Types<int, bool, long double, colour, std::string, std::u16string, record, tree, inspected,
                   std::vector<double>, std::vector<bool>, std::vector<empty>, std::vector<std::string>,
                   std::vector<std::array<int, 50>>, std::vector<std::optional<std::array<double, 4>>>,
                   std::vector<inspected>, std::deque<tree>, std::list<std::vector<int>>,
                   std::forward_list<std::string>, std::forward_list<empty>, std::set<std::string>, std::multiset<int>,
                   std::map<std::string, std::vector<record>>, std::multimap<bool, std::string>,
                   std::unordered_set<std::uint8_t>, std::unordered_multiset<std::string>,
                   std::unordered_map<int, std::set<std::uint8_t>>, std::unordered_multimap<std::uint8_t, bool>,
                   std::array<std::string, 3>, std::tuple<bool, std::optional<std::vector<int>>, long double>,
                   std::vector<std::variant<bool, std::string>>, std::vector<std::complex<float>>, std::bitset<13>>;

TYPED_TEST_SUITE(codec_fuzz, fuzzed_types);

TYPED_TEST(codec_fuzz, returns_random_values) {
  for (int i = 0; i < 100; ++i) {
    auto value = make<TypeParam>(this->random);
    EXPECT_EQ(decode<TypeParam>(encoded(value)), value);
  }
}

TYPED_TEST(codec_fuzz, refuses_every_beginning_of_a_value) {
  for (int i = 0; i < 20; ++i) {
    auto whole = encoded(make<TypeParam>(this->random));
    for (std::size_t size = 0; size < whole.size(); ++size)
      EXPECT_EQ(outcome<TypeParam>({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}),
                error_code::truncated_bytes);
  }
}

TYPED_TEST(codec_fuzz, survives_flipped_bits) {
  for (int i = 0; i < 1000; ++i) {
    auto input = encoded(make<TypeParam>(this->random));
    for (auto flips = 1 + small(this->random); flips != 0 && !input.empty(); --flips)
      input[this->random() % input.size()] ^= std::byte{1} << (this->random() % 8);
    outcome<TypeParam>(input);
  }
}

TYPED_TEST(codec_fuzz, survives_random_bytes) {
  constexpr std::uint8_t telling[] = {0, 0, 0, 0, 0, 0, 1, 2, 3, 0x7f, 0x80, 0xff};
  for (int i = 0; i < 3000; ++i) {
    bytes input(this->random() % 100);
    auto odd = this->random() % 2 == 0;
    for (auto& byte : input) {
      auto number = this->random();
      byte = std::byte{odd ? telling[number % std::size(telling)] : static_cast<std::uint8_t>(number)};
    }
    outcome<TypeParam>(input);
  }
}

TYPED_TEST(codec_fuzz, allocates_in_proportion_to_the_bytes_whatever_the_count) {
  for (int shift = 0; shift < 64; ++shift)
    for (std::size_t size : {8u, 9u, 100u, 5000u}) {
      bytes input(size, std::byte{1});
      auto count = std::uint64_t{1} << shift;
      std::memcpy(input.data(), &count, sizeof count);
      outcome<TypeParam>(input);
    }
}

} // namespace
