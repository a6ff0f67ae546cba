#include <array>
#include <atomic>
#include <bit>
#include <bitset>
#include <chrono>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>
#include <deque>
#include <forward_list>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "daskify/bytes.hpp"
#include "daskify/codec.hpp"
#include "daskify/error.hpp"

using namespace daskify;

namespace {

template <class T>
T there_and_back(const T& value) {
  return decode<T>(encode(value));
}

template <class T>
std::vector<std::uint8_t> bytes_of(const T& value) {
  auto bytes = encode(value);
  std::vector<std::uint8_t> copy(bytes.size());
  if (!copy.empty())
    std::memcpy(copy.data(), bytes.data(), bytes.size());
  return copy;
}

template <class T>
error_code refusal(std::vector<std::uint8_t> bytes) {
  try {
    decode<T>(std::as_bytes(std::span{bytes}));
  } catch (const data_error& e) {
    return e.code();
  }
  return error_code::none;
}

template <class T>
void expect_round_trip(const T& value) {
  EXPECT_EQ(there_and_back(value), value);
}

enum class colour : std::int16_t { red = -3, green = 7 };
enum plain_enum { zero, one, two };
enum class choice : bool { no, yes };

struct nothing {
  bool operator==(const nothing&) const = default;
};

struct point {
  double x, y;
  bool operator==(const point&) const = default;
};

struct padded {
  char letter;
  double number;
  bool operator==(const padded&) const = default;
};

struct model {
  std::string name;
  point origin;
  int table[2][3];
  nothing mark;
  std::vector<point> path;
  std::optional<int> limit;
  bool operator==(const model&) const = default;
};

struct raster {
  double cells[40][50];
  std::string name;
  bool operator==(const raster&) const = default;
};

struct node {
  std::vector<node> children;
  int value;
  bool operator==(const node&) const = default;
};

struct leaf_of_maps {
  std::map<int, leaf_of_maps> children;
  bool operator==(const leaf_of_maps&) const = default;
};

struct bit_fields {
  int small : 3;
  unsigned middle : 7;
  std::string name;
};

struct constant {
  const int number;
  const std::string text;
};

/// A class without a default constructor, which nothing but its bytes is known of.
class strong_id {
public:
  explicit constexpr strong_id(int number) : number_{number} {}
  bool operator==(const strong_id&) const = default;

private:
  int number_;
};

struct needs_values {
  int before[2];
  strong_id id;
  strong_id more[2];
  std::optional<int> behind;
  int after[3];
  bool operator==(const needs_values&) const = default;
};

struct derived : point {
  double z;
};

struct derived_with_text : point {
  std::string text;
};

class padded_class {
public:
  constexpr padded_class(char letter, double number) : letter_{letter}, number_{number} {}
  bool operator==(const padded_class&) const = default;

private:
  char letter_;
  double number_;
};

/// Made by a constructor only known at run time, so it is no literal type.
class run_time_class {
public:
  explicit run_time_class(int number);
  int number() const { return number_; }

private:
  int number_;
};

run_time_class::run_time_class(int number) : number_{number} {}

struct annotation {};

class inspected_17 {
public:
  inspected_17() = default;
  inspected_17(int a, std::string b) : a_{a}, b_{std::move(b)}, c_{7, static_cast<short>(a)} {}
  bool operator==(const inspected_17&) const = default;

  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, inspected_17& x) {
    return f(annotation{}, x.a_, x.b_, x.c_);
  }

private:
  int a_ = 0;
  std::string b_;
  short c_[2] = {};
};

class inspected_18 {
public:
  inspected_18() = default;
  inspected_18(int a, std::string b) : a_{a}, b_{std::move(b)} {}
  bool operator==(const inspected_18&) const = default;

  template <class Inspector>
  friend bool inspect(Inspector& f, inspected_18& x) {
    return f.object(x).pretty_name("inspected").fields(f.field("a", x.a_), f.field("b", x.b_));
  }

private:
  int a_ = 0;
  std::string b_;
};

struct inspected_nothing {
  bool operator==(const inspected_nothing&) const = default;
};

template <class Inspector>
auto inspect(Inspector& f, inspected_nothing&) {
  return f();
}

class inspected_tree {
public:
  std::vector<inspected_tree> children;

  template <class Inspector>
  friend auto inspect(Inspector& f, inspected_tree& x) {
    return f(x.children);
  }
};

/// Stands for a handle that needs something from outside: only the context knows its text.
template <class T>
struct handle {
  T value;
};

template <class Node>
Node nested(int depth) {
  Node top{};
  for (int i = 0; i < depth; ++i) {
    Node above{};
    above.children.push_back(std::move(top));
    top = std::move(above);
  }
  return top;
}

} // namespace

template <class T>
struct daskify::codec<handle<T>> {
  using parts = internal::types<T>;

  static void write(encoder& out, const handle<T>& value) {
    ++*static_cast<int*>(out.context());
    out.write(value.value);
  }

  static handle<T> read(decoder& in) {
    ++*static_cast<int*>(in.context());
    return {in.read<T>()};
  }
};

// What travels and what does not
// -----------------------------------------------------------------------------

static_assert(travels<int> && travels<const int> && travels<bool> && travels<long double> && travels<char32_t>);
static_assert(travels<colour> && travels<std::byte> && travels<point> && travels<model> && travels<node>);
static_assert(travels<std::vector<std::map<std::string, std::optional<point>>>>);
static_assert(travels<strong_id> && travels<needs_values> && travels<derived> && travels<run_time_class>);
static_assert(travels<inspected_17> && travels<inspected_18> && travels<std::chrono::year_month_day>);
static_assert(travels<handle<std::string>> && !travels<handle<std::string*>>);

template <class T, class Culprit>
concept stopped_by = !travels<T> && std::same_as<internal::culprit<T>, Culprit>;

struct with_pointer {
  std::string name;
  int* pointer;
};

struct with_reference {
  std::string& name;
};

struct with_const_reference {
  std::string text;
  const int& number;
};

struct with_member_pointer {
  int point::*member;
};

struct with_volatile {
  volatile int number;
};

struct with_atomic {
  std::atomic<int> counter;
};

union number_union {
  int a;
  float b;
};

struct with_union {
  number_union number;
};

class hides_a_pointer {
public:
  constexpr explicit hides_a_pointer(const int* p) : p_{p} {}
  const int* get() const { return p_; }

private:
  const int* p_;
};

/// An inspect of the base would lose what is added here.
struct inspected_base {
  int number = 0;
};

template <class Inspector>
auto inspect(Inspector& f, inspected_base& x) {
  return f(x.number);
}

struct adds_to_inspected_base : inspected_base {
  double more = 0;
};

struct adds_and_inspects : inspected_base {
  double more = 0;
};

template <class Inspector>
auto inspect(Inspector& f, adds_and_inspects& x) {
  return f(x.number, x.more);
}

struct inspected_with_pointer {
  int* pointer;
};

template <class Inspector>
auto inspect(Inspector& f, inspected_with_pointer& x) {
  return f(x.pointer);
}

struct inspected_without_default {
  explicit inspected_without_default(int x) : number{x} {}
  int number;
};

template <class Inspector>
bool inspect(Inspector& f, inspected_without_default& x) {
  return f(x.number);
}

static_assert(stopped_by<int*, int*>);
static_assert(stopped_by<int&, int&>);
static_assert(stopped_by<void, void>);
static_assert(stopped_by<int[3], int[3]>);
static_assert(stopped_by<int(int), int(int)>);
static_assert(stopped_by<std::nullptr_t, std::nullptr_t>);
static_assert(stopped_by<std::vector<const char*>, const char*>);
static_assert(stopped_by<std::map<std::string, std::pair<int, std::vector<char*>>>, char*>);
static_assert(stopped_by<std::tuple<int, const double&>, const double&>);
static_assert(stopped_by<std::variant<int, std::string_view>, std::string_view>);
static_assert(stopped_by<std::optional<std::span<int>>, std::span<int>>);
static_assert(stopped_by<std::reference_wrapper<int>, std::reference_wrapper<int>>);
static_assert(stopped_by<std::initializer_list<int>, std::initializer_list<int>>);
static_assert(stopped_by<std::shared_ptr<int>, std::shared_ptr<int>>);
static_assert(stopped_by<std::unique_ptr<int>, std::unique_ptr<int>>);
static_assert(stopped_by<std::function<void()>, std::function<void()>>);
static_assert(stopped_by<std::mutex, std::mutex>);
static_assert(stopped_by<std::array<int*, 3>, int*>);
static_assert(stopped_by<std::vector<int>::iterator, std::vector<int>::iterator>);
static_assert(stopped_by<std::list<int>::iterator, std::list<int>::iterator>);
static_assert(stopped_by<with_pointer, int*>);
static_assert(stopped_by<std::vector<with_reference>, std::string&>);
static_assert(stopped_by<with_const_reference, const int&>);
static_assert(stopped_by<with_member_pointer, int point::*>);
static_assert(stopped_by<with_atomic, std::atomic<int>>);
static_assert(stopped_by<with_union, number_union>);
static_assert(stopped_by<hides_a_pointer, hides_a_pointer>);
static_assert(stopped_by<derived_with_text, derived_with_text>);
static_assert(stopped_by<inspected_without_default, inspected_without_default>);
static_assert(stopped_by<adds_to_inspected_base, adds_to_inspected_base>);
static_assert(stopped_by<std::vector<inspected_with_pointer>, int*>);
static_assert(stopped_by<volatile int, volatile int>);
static_assert(stopped_by<with_volatile, volatile int>);
static_assert(stopped_by<std::set<int, bool (*)(int, int)>, internal::state_of<bool (*)(int, int)>>);
static_assert(travels<adds_and_inspects> && fixed_encoded_size<adds_and_inspects> == 12);

// Sizes
// ------------------------------------------------------------------------------------------------------

static_assert(bitwise<double> && bitwise<point> && bitwise<std::array<point, 3>> && bitwise<colour>);
static_assert(bitwise<std::complex<double>> && bitwise<std::chrono::nanoseconds> && bitwise<strong_id>);
static_assert(!bitwise<bool> && !bitwise<long double> && !bitwise<padded> && !bitwise<padded_class>);
static_assert(!bitwise<std::chrono::duration<long double>> && !bitwise<std::string> && !bitwise<nothing>);
static_assert(fixed_encoded_size<padded> == 9 && fixed_encoded_size<nothing> == 0);
static_assert(fixed_encoded_size<std::tuple<char, double, std::bitset<9>>> == 11);
static_assert(!fixed_encoded_size<std::string> && !fixed_encoded_size<std::optional<int>> &&
              !fixed_encoded_size<model>);

// Bytes
// ------------------------------------------------------------------------------------------------------

TEST(byte_buffer, keeps_what_was_appended_while_it_grows) {
  byte_buffer buffer;
  for (int i = 0; i < 1000; ++i)
    buffer.append(&i, sizeof i);
  ASSERT_EQ(buffer.size(), 1000 * sizeof(int));
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(std::memcmp(buffer.data() + static_cast<std::size_t>(i) * sizeof i, &i, sizeof i), 0);
}

TEST(byte_buffer, keeps_its_room_when_cleared_and_grows_no_more_within_it) {
  byte_buffer buffer;
  buffer.reserve(100);
  auto* before = buffer.data();
  buffer.extend(100);
  buffer.resize(3);
  EXPECT_EQ(buffer.size(), 3u);
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.data(), before);
  EXPECT_GE(buffer.capacity(), 100u);
}

TEST(byte_buffer, is_empty_after_its_bytes_moved_away) {
  byte_buffer from;
  from.append("abc", 3);
  auto to = std::move(from);
  EXPECT_EQ(to.size(), 3u);
  EXPECT_EQ(from.size(), 0u);
  EXPECT_EQ(from.capacity(), 0u);
  from.append("d", 1);
  EXPECT_EQ(from.size(), 1u);
}

TEST(byte_buffer, refuses_a_size_that_no_memory_has) {
  byte_buffer buffer;
  buffer.append("abc", 3);
  EXPECT_THROW(buffer.extend(std::numeric_limits<std::size_t>::max() - 1), std::bad_alloc);
  EXPECT_EQ(buffer.size(), 3u);
}

TEST(shared_bytes, takes_the_buffer_over_without_a_copy) {
  byte_buffer buffer;
  buffer.append("abcdef", 6);
  auto* where = buffer.data();
  shared_bytes bytes{std::move(buffer)};
  EXPECT_EQ(bytes.data(), where);
  EXPECT_EQ(bytes.size(), 6u);
}

TEST(shared_bytes, slices_outlive_the_whole) {
  shared_bytes slice;
  {
    byte_buffer buffer;
    buffer.append("abcdef", 6);
    slice = shared_bytes{std::move(buffer)}.slice(2, 3);
  }
  EXPECT_EQ(std::memcmp(slice.data(), "cde", 3), 0);
  EXPECT_EQ(slice.slice(3, 0).size(), 0u);
}

TEST(shared_bytes, refuses_a_slice_beyond_its_end) {
  shared_bytes bytes{byte_buffer{4}};
  EXPECT_THROW(bytes.slice(5, 0), std::out_of_range);
  EXPECT_THROW(bytes.slice(1, 4), std::out_of_range);
  EXPECT_THROW(bytes.slice(1, std::numeric_limits<std::size_t>::max()), std::out_of_range);
}

TEST(shared_bytes, is_empty_after_it_moved_away) {
  shared_bytes from{byte_buffer{4}};
  auto to = std::move(from);
  EXPECT_EQ(to.size(), 4u);
  EXPECT_TRUE(from.empty());
}

// Round trips
// ------------------------------------------------------------------------------------------------

TEST(codec, returns_extreme_integers) {
  expect_round_trip(std::numeric_limits<std::int64_t>::min());
  expect_round_trip(std::numeric_limits<std::uint64_t>::max());
  expect_round_trip(std::int8_t{-1});
  expect_round_trip(u'\u20ac');
  expect_round_trip(true);
  expect_round_trip(false);
}

TEST(codec, keeps_floating_point_bit_exact) {
  for (auto bits :
       std::initializer_list<std::uint64_t>{0x7ff8000000000001, 0xfff0000000000bad, 0x7ff0000000000000,
                                            0xfff0000000000000, 0x8000000000000000, 1, 0x800fffffffffffff}) {
    auto value = std::bit_cast<double>(bits);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(there_and_back(value)), bits);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(there_and_back(std::vector{value}).at(0)), bits);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(there_and_back(padded{'a', value}).number), bits);
  }
  for (auto bits : {0x7fc00001u, 0xffa00badu, 0x80000000u, 0x00000001u})
    EXPECT_EQ(std::bit_cast<std::uint32_t>(there_and_back(std::bit_cast<float>(bits))), bits);
}

TEST(codec, sends_no_padding_of_a_long_double) {
  expect_round_trip(std::numeric_limits<long double>::denorm_min());
  expect_round_trip(std::vector{1.0L / 3, -std::numeric_limits<long double>::infinity()});
  EXPECT_TRUE(std::signbit(there_and_back(-0.0L)));
  if (std::numeric_limits<long double>::digits == 64) {
    EXPECT_EQ(encode(1.0L).size(), 10u);
  }
}

TEST(codec, sends_no_padding_of_a_class) {
  alignas(padded_class) std::byte memory[2][sizeof(padded_class)];
  std::memset(memory[0], 0x55, sizeof memory[0]);
  std::memset(memory[1], 0xaa, sizeof memory[1]);
  auto* first = new (memory[0]) padded_class{'x', 1.5};
  auto* second = new (memory[1]) padded_class{'x', 1.5};
#if __has_builtin(__builtin_clear_padding)
  EXPECT_EQ(bytes_of(*first), bytes_of(*second));
#endif
  EXPECT_EQ(there_and_back(*first), *second);
}

TEST(codec, returns_enums) {
  expect_round_trip(colour::red);
  expect_round_trip(two);
  expect_round_trip(choice::yes);
  expect_round_trip(std::byte{200});
  EXPECT_EQ(refusal<choice>({2}), error_code::corrupt_bytes);
}

TEST(codec, returns_strings) {
  expect_round_trip(std::string{});
  expect_round_trip(std::string("a\0b", 3));
  expect_round_trip(std::string(100'000, 'x'));
  expect_round_trip(std::u32string{U"a\u00e4\U0001f600"});
}

TEST(codec, returns_sequences) {
  expect_round_trip(std::vector<int>{});
  std::vector<double> many(100'001);
  std::iota(many.begin(), many.end(), 0.5);
  expect_round_trip(many);
  expect_round_trip(std::deque<double>(many.begin(), many.end()));
  expect_round_trip(std::list<double>(many.begin(), many.begin() + 600));
  expect_round_trip(std::forward_list<std::string>{"a", "", "ccc"});
  expect_round_trip(std::forward_list<int>{});
  expect_round_trip(std::list<std::vector<int>>{{}, {1, 2}, {3}});
  expect_round_trip(std::array<std::string, 3>{"a", "b", "c"});
  expect_round_trip(std::array<int, 0>{});
  expect_round_trip(std::vector<std::array<char, 10'000>>(2));
}

TEST(codec, returns_elements_at_addresses_that_suit_no_alignment) {
  expect_round_trip(
      std::tuple<char, std::vector<double>, std::string, std::vector<long>>{'c', {1, 2, 3}, "odd", {4, 5}});
}

TEST(codec, returns_bits) {
  for (std::size_t size : {0u, 1u, 7u, 8u, 9u, 64u, 1001u}) {
    std::vector<bool> bits(size);
    for (std::size_t i = 0; i < size; i += 3)
      bits[i] = true;
    expect_round_trip(bits);
  }
  expect_round_trip(std::bitset<0>{});
  expect_round_trip(std::bitset<12>{0b1010'0000'0101});
  EXPECT_EQ(encode(std::bitset<12>{}).size(), 2u);
}

TEST(codec, returns_sets_and_maps) {
  expect_round_trip(std::set<std::string>{"b", "a"});
  expect_round_trip(std::multiset<int>{2, 1, 2});
  expect_round_trip(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  expect_round_trip(std::multimap<int, std::string>{{1, "second"}, {1, "first"}, {0, ""}});
  expect_round_trip(std::unordered_set<int>{1, 2, 3});
  expect_round_trip(std::unordered_multiset<int>{1, 1, 3});
  expect_round_trip(std::unordered_map<std::string, double>{{"x", 1.5}, {"y", -2}});
  expect_round_trip(std::unordered_multimap<int, int>{{1, 2}, {1, 2}, {3, 4}});
  expect_round_trip(std::set<int, std::greater<>>{1, 2, 3});
}

TEST(codec, returns_products_and_sums) {
  expect_round_trip(std::pair{1, std::string{"x"}});
  expect_round_trip(std::tuple<>{});
  expect_round_trip(std::tuple<std::tuple<int>>{std::tuple{1}});
  expect_round_trip(std::tuple{1, 2.5, std::string{"x"}, std::vector<int>{1}});
  expect_round_trip(std::optional<int>{});
  expect_round_trip(std::optional<std::optional<int>>{std::optional<int>{}});
  expect_round_trip(std::variant<std::monostate, int, std::string>{});
  expect_round_trip(std::variant<int, int, std::string>{std::in_place_index<1>, 7});
  expect_round_trip(std::complex<float>{1, -2});
  expect_round_trip(std::chrono::system_clock::time_point{std::chrono::seconds{123}});
  expect_round_trip(std::chrono::duration<double, std::milli>{0.25});
}

TEST(codec, returns_aggregates) {
  expect_round_trip(nothing{});
  expect_round_trip(point{1, 2});
  expect_round_trip(padded{'x', 2});
  expect_round_trip(model{"m", {1, 2}, {{1, 2, 3}, {4, 5, 6}}, {}, {{3, 4}, {5, 6}}, 7});
  auto fields = there_and_back(bit_fields{-2, 100, "b"});
  EXPECT_EQ(fields.small, -2);
  EXPECT_EQ(fields.middle, 100u);
  auto fixed = there_and_back(constant{5, "c"});
  EXPECT_EQ(fixed.number, 5);
  EXPECT_EQ(fixed.text, "c");
}

TEST(codec, returns_aggregates_with_large_arrays) {
  auto value = std::make_unique<raster>();
  value->cells[39][49] = 3;
  value->name = "r";
  EXPECT_TRUE(there_and_back(*value) == *value);
}

TEST(codec, returns_types_without_a_default_constructor) {
  expect_round_trip(strong_id{4});
  expect_round_trip(needs_values{{1, 2}, strong_id{3}, {strong_id{4}, strong_id{5}}, 6, {7, 8, 9}});
  expect_round_trip(std::vector<strong_id>{strong_id{1}, strong_id{2}});
  expect_round_trip(std::array<strong_id, 2>{strong_id{1}, strong_id{2}});
  expect_round_trip(std::optional{strong_id{1}});
  EXPECT_EQ(there_and_back(run_time_class{9}).number(), 9);
}

TEST(codec, returns_opaque_classes_as_their_bytes) {
  expect_round_trip(padded_class{'a', 2.5});
  derived value;
  value.x = 1;
  value.z = 3;
  EXPECT_EQ(there_and_back(value).z, 3);
  auto add = [offset = 10](int x) { return x + offset; };
  EXPECT_EQ(there_and_back(add)(1), 11);
  auto none = [] { return 5; };
  EXPECT_EQ(encode(none).size(), 0u);
  EXPECT_EQ(there_and_back(none)(), 5);
  int local = 1;
  auto refers = [&local] { return local; };
  static_assert(!travels<decltype(refers)>);
  EXPECT_EQ(refers(), 1);
}

TEST(codec, returns_inspected_classes) {
  expect_round_trip(inspected_17{1, "a"});
  expect_round_trip(inspected_18{2, "b"});
  expect_round_trip(std::vector<inspected_nothing>(3));
  expect_round_trip(std::map<int, inspected_17>{{1, {2, "c"}}});
  EXPECT_EQ(bytes_of(inspected_17{1, ""}).size(), 4u + 8 + 4);
}

TEST(codec, returns_recursive_types) {
  expect_round_trip(node{{{{}, 1}, {{{{}, 2}}, 3}}, 4});
  expect_round_trip(leaf_of_maps{{{1, {}}, {2, {{{3, {}}}}}}});
}

TEST(codec, hands_the_context_to_specialised_codecs) {
  int written = 0;
  int read = 0;
  byte_buffer bytes;
  encoder out{bytes, &written};
  out.write(std::vector<handle<std::string>>{{"a"}, {"b"}});
  decoder in{bytes};
  in.set_context(&read);
  EXPECT_EQ(in.read<std::vector<handle<std::string>>>().at(1).value, "b");
  in.expect_end();
  EXPECT_EQ(written, 2);
  EXPECT_EQ(read, 2);
}

// The encoded form
// -------------------------------------------------------------------------------------------

TEST(codec, writes_the_count_and_then_the_elements) {
  EXPECT_EQ(bytes_of(std::vector<std::uint8_t>{7, 9}), (std::vector<std::uint8_t>{2, 0, 0, 0, 0, 0, 0, 0, 7, 9}));
}

TEST(codec, gives_an_empty_element_one_byte) {
  EXPECT_EQ(encode(nothing{}).size(), 0u);
  EXPECT_EQ(encode(std::vector<nothing>(5)).size(), 8u + 5);
  expect_round_trip(std::vector<nothing>(5));
  EXPECT_EQ((encode(std::map<nothing, nothing, decltype([](auto, auto) { return false; })>{{{}, {}}}).size()), 9u);
  EXPECT_EQ(refusal<std::vector<nothing>>({1, 0, 0, 0, 0, 0, 0, 0, 1}), error_code::corrupt_bytes);
}

// Refusals
// ---------------------------------------------------------------------------------------------------

TEST(codec, refuses_a_bool_that_is_neither_0_nor_1) {
  EXPECT_EQ(refusal<bool>({2}), error_code::corrupt_bytes);
  EXPECT_EQ(refusal<std::optional<int>>({255, 0, 0, 0, 0}), error_code::corrupt_bytes);
  EXPECT_EQ((refusal<std::array<bool, 2>>({1, 9})), error_code::corrupt_bytes);
}

TEST(codec, refuses_an_alternative_that_does_not_exist) {
  EXPECT_EQ((refusal<std::variant<int, char>>({2, 0, 0, 0, 1, 1, 1, 1})), error_code::corrupt_bytes);
}

TEST(codec, refuses_bits_beyond_the_last) {
  EXPECT_EQ(refusal<std::bitset<4>>({0x10}), error_code::corrupt_bytes);
  EXPECT_EQ(refusal<std::vector<bool>>({3, 0, 0, 0, 0, 0, 0, 0, 0x08}), error_code::corrupt_bytes);
}

TEST(codec, refuses_a_key_that_comes_twice) {
  auto twice = bytes_of(std::multiset<int>{5, 5});
  EXPECT_EQ(refusal<std::set<int>>(twice), error_code::corrupt_bytes);
  EXPECT_EQ(refusal<std::unordered_set<int>>(twice), error_code::corrupt_bytes);
  auto pairs = bytes_of(std::multimap<int, std::string>{{5, "a"}, {5, "b"}});
  EXPECT_EQ((refusal<std::map<int, std::string>>(pairs)), error_code::corrupt_bytes);
  EXPECT_EQ((refusal<std::unordered_map<int, std::string>>(pairs)), error_code::corrupt_bytes);
}

TEST(codec, refuses_bytes_that_are_left_over) {
  auto bytes = bytes_of(1);
  bytes.push_back(0);
  EXPECT_EQ(refusal<int>(bytes), error_code::corrupt_bytes);
}

TEST(codec, refuses_counts_beyond_the_bytes_there_are) {
  for (auto count :
       {std::uint64_t{2}, std::uint64_t{1} << 32, std::uint64_t{1} << 61, std::numeric_limits<std::uint64_t>::max()}) {
    auto bytes = bytes_of(count);
    EXPECT_EQ(refusal<std::string>(bytes), error_code::truncated_bytes);
    EXPECT_EQ(refusal<std::vector<double>>(bytes), error_code::truncated_bytes);
    EXPECT_EQ(refusal<std::vector<nothing>>(bytes), error_code::truncated_bytes);
    EXPECT_EQ(refusal<std::vector<bool>>(bytes), error_code::truncated_bytes);
    EXPECT_EQ(refusal<std::forward_list<int>>(bytes), error_code::truncated_bytes);
    EXPECT_EQ((refusal<std::map<int, int>>(bytes)), error_code::truncated_bytes);
    EXPECT_EQ((refusal<std::unordered_set<std::string>>(bytes)), error_code::truncated_bytes);
  }
}

TEST(codec, refuses_a_variant_without_a_value) {
  std::variant<std::string, std::deque<int>> value;
  EXPECT_THROW(value.emplace<1>(std::numeric_limits<std::size_t>::max()), std::length_error);
  ASSERT_TRUE(value.valueless_by_exception());
  EXPECT_THROW(encode(value), data_error);
}

TEST(codec, refuses_what_is_nested_too_deep_in_either_direction) {
  auto deep = nested<node>(internal::most_levels - 1);
  EXPECT_EQ(there_and_back(deep), deep);
  EXPECT_THROW(encode(nested<node>(internal::most_levels)), data_error);
  EXPECT_THROW(encode(nested<inspected_tree>(internal::most_levels)), data_error);

  std::vector<std::uint8_t> ones;
  for (int i = 0; i < 100'000; ++i)
    ones.insert(ones.end(), {1, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(refusal<node>(ones), error_code::corrupt_bytes);
  EXPECT_EQ(refusal<inspected_tree>(ones), error_code::corrupt_bytes);
}

TEST(decoder, takes_views_and_knows_what_remains) {
  auto bytes = encode(std::array<char, 4>{'a', 'b', 'c', 'd'});
  decoder in{bytes};
  EXPECT_EQ(in.take(3).data(), bytes.data());
  EXPECT_EQ(in.remaining(), 1u);
  EXPECT_THROW(in.expect_end(), data_error);
  EXPECT_THROW(in.take(2), data_error);
  EXPECT_EQ(in.read<char>(), 'd');
  in.expect_end();
}
