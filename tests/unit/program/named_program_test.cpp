/// Calls of registered functions, by symbol and by name, against the same calls as they are made within one program.

#include "support/one_process_session.hpp"

#include <daskify/daskify.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <list>
#include <numeric>
#include <random>

namespace daskify::test {

// -- what is called -----------------------------------------------------------------------------------------------

struct sample {
  double at = 0;
  std::string label;
  std::vector<int> counts;
};

struct metres {
  double value = 0;
  metres() = default;
  metres(double from) : value{from} {}
};

double energy(double x, int n) {
  return std::sqrt(x) * n + 1 / x;
}
int negated(int x) noexcept {
  return -x;
}
float narrowed(float x, signed char c, bool b) {
  return x / static_cast<float>(c + 3) + static_cast<float>(b);
}
std::string described(const std::string& name, std::string_view more, char letter) {
  return name + std::string{more} + letter;
}
double dot(std::span<const double> a, const std::vector<double>& b) {
  auto shorter = a.first(std::min(a.size(), b.size()));
  return std::inner_product(shorter.begin(), shorter.end(), b.begin(), 0.0);
}
std::size_t letters(std::span<const std::string> words) {
  return std::accumulate(words.begin(), words.end(), std::size_t{0}, [](auto n, auto& w) { return n + w.size(); });
}
sample resampled(const sample& s, double by) {
  auto changed = s;
  changed.at *= by;
  changed.counts.push_back(static_cast<int>(by));
  return changed;
}
std::optional<double> half_of(std::optional<double> x, std::optional<int> n) {
  return x && n ? std::optional{*x / *n} : std::nullopt;
}
double in_metres(const metres& m, metres n) {
  return m.value - n.value;
}
std::complex<double> turned(std::complex<double> z, long double by) {
  return z * std::polar(1.0, static_cast<double>(by));
}
std::vector<double> many(std::size_t count, double x) {
  return std::vector<double>(count, x);
}
void nothing(bool) {}
int without_parameters() {
  return 42;
}
int moved(int&& x, std::optional<int>&& y) {
  return x + y.value_or(1);
}
std::array<std::uint64_t, 3> task(int) {
  return {this_task::index(), this_task::loop(), this_task::seed()};
}
int odd_only(int x) {
  if (x % 2 == 0)
    throw std::range_error{"even: " + std::to_string(x)};
  return x;
}
std::uintptr_t address(std::span<const double> all, int) {
  return reinterpret_cast<std::uintptr_t>(all.data());
}
std::uintptr_t address_of_whole(const std::vector<double>& all, int) {
  return reinterpret_cast<std::uintptr_t>(all.data());
}
const double& larger(const double& a, const double& b) {
  return a < b ? b : a;
}
struct figure {
  double side = 0;
};
struct named_figure : figure {
  std::string name;
};
double side_of(const figure& f) {
  return f.side;
}
std::uint64_t bits(double x) {
  return std::bit_cast<std::uint64_t>(x);
}

} // namespace daskify::test

DASKIFY_FUNCTION(daskify::test::energy)
DASKIFY_FUNCTION(daskify::test::negated);
namespace daskify::test {
DASKIFY_FUNCTION(narrowed)
DASKIFY_FUNCTION(described)
DASKIFY_FUNCTION(dot)
DASKIFY_FUNCTION(letters)
DASKIFY_FUNCTION(resampled)
DASKIFY_FUNCTION(half_of)
DASKIFY_FUNCTION(in_metres)
DASKIFY_FUNCTION(turned)
DASKIFY_FUNCTION(many)
DASKIFY_FUNCTION(nothing)
DASKIFY_FUNCTION(without_parameters)
DASKIFY_FUNCTION(moved)
DASKIFY_FUNCTION(task)
DASKIFY_FUNCTION(odd_only)
DASKIFY_FUNCTION(address)
DASKIFY_FUNCTION(address_of_whole)
DASKIFY_FUNCTION(bits)
DASKIFY_FUNCTION(larger)
DASKIFY_FUNCTION(side_of)

namespace {

/// The same function as one that nobody has registered.
template <auto F>
struct unregistered;
template <class R, class... Ps, R (*F)(Ps...)>
struct unregistered<F> {
  R operator()(Ps... given) const { return F(std::forward<Ps>(given)...); }
};

struct named_program : testing::Test {
  std::shared_ptr<one_process_session> session = std::make_shared<one_process_session>();

  template <class F, class... Groups>
  auto run(F f, const Groups&... groups) {
    return internal::start_run_of_groups(session, f, groups...);
  }
  template <class F, class... Ts>
  auto submit(F f, const Ts&... values) {
    return internal::start_run_of_one(session, f, values...);
  }

  /// The call gives, bit for bit, what it gives within one program; and costs a description of so many bytes at most.
  template <auto F, class... Groups>
  void is_as_ordinary(const std::string& name, const Groups&... groups) {
    SCOPED_TRACE(name);
    using signature = internal::signature_of<decltype(F)>;
    auto ordinary = run(unregistered<static_cast<signature*>(F)>{}, groups...);
    EXPECT_EQ(session->last_run.program.registered, "");
    auto by_symbol = run(F, groups...);
    EXPECT_EQ(session->last_run.program.registered, name);
    EXPECT_FALSE(session->last_run.program.module.empty());
    EXPECT_EQ(session->last_run.name, name);
    auto by_name = run(named_function<signature>{name}, groups...);
    EXPECT_EQ(session->last_run.program, (internal::function_ref{{}, 0, {}, name}));
    auto expected = encoded(ordinary);
    EXPECT_EQ(encoded(by_symbol), expected);
    EXPECT_EQ(encoded(by_name), expected);
  }

private:
  template <class Futures>
  static std::vector<std::byte> encoded(const Futures& all) {
    auto bytes = encode(internal::gather(all, on_error::raise));
    return {bytes.data(), bytes.data() + bytes.size()};
  }
};

TEST_F(named_program, takes_ranges_whatever_numbers_they_have) {
  is_as_ordinary<energy>("daskify::test::energy", args(0.25), iterables(range(-3, 7)));
  is_as_ordinary<energy>("daskify::test::energy", iterables(linspace(0.1, 2.7, 13), range(5)), loops(3));
  is_as_ordinary<energy>("daskify::test::energy",
                         iterables(logspace(-3., 3., 7), range(std::uint64_t{1} << 40, (std::uint64_t{1} << 40) + 3)));
  is_as_ordinary<energy>("daskify::test::energy", iterables(range(1, 4), linspace(-2.5, 2.5, 6)));
  is_as_ordinary<energy>("daskify::test::energy", iterables(range(short{1}, short{4}), range('a', 'd')));
  is_as_ordinary<negated>("daskify::test::negated", iterables(range(10, -10, -3)));
  is_as_ordinary<negated>("daskify::test::negated", iterables(logspace(0, 3, 5)));
  is_as_ordinary<narrowed>("narrowed", iterables(linspace(0., 1e30, 3), range(-300, 300, 100), range(2)));
  is_as_ordinary<turned>("turned", iterables(linspace(-1., 1., 3), linspace(0., 3., 4)));
  is_as_ordinary<in_metres>("in_metres", iterables(linspace(-1., 1., 3), range(3)));
  is_as_ordinary<half_of>("half_of", iterables(range(3), range(4)));
}

TEST_F(named_program, takes_values_of_other_types_as_the_function_itself_does) {
  is_as_ordinary<energy>("daskify::test::energy", args(2, 3.99));
  is_as_ordinary<energy>("daskify::test::energy", args(2.5F, true));
  is_as_ordinary<described>("described", args("text", "more"), iterables(std::string{"abc"}));
  is_as_ordinary<described>("described", args(std::string{"name"}),
                            iterables(std::list<std::string>{"x", "yy"}, std::vector{98, 99}));
  is_as_ordinary<half_of>("half_of", args(std::nullopt, 3));
  is_as_ordinary<half_of>("half_of", args(5), iterables(std::vector<std::optional<int>>{3, {}}));
  is_as_ordinary<in_metres>("in_metres", args(metres{3}, 4.5F));
  is_as_ordinary<dot>("dot", args(std::array{1.0, 2.0}, std::vector{3.0, 4.0}));
  is_as_ordinary<dot>(
      "dot", iterables(std::vector<std::vector<double>>{{1, 2}, {3}}, std::vector<std::vector<double>>{{5, 6}}));
  is_as_ordinary<letters>("letters", args(std::vector<std::string>{"ab", "c"}));
  is_as_ordinary<resampled>("resampled", args(sample{1.5, "one", {1, 2}}), iterables(std::vector{1, 2, 3}));
  is_as_ordinary<nothing>("nothing", iterables(std::vector<bool>{true, false, true}));
  is_as_ordinary<narrowed>("narrowed", args(1.5), iterables(std::vector{1.5, -100.0}, std::vector{0, 2}));
  is_as_ordinary<energy>("daskify::test::energy", args(1), iterables(std::vector<bool>{true, false}));
  is_as_ordinary<moved>("moved", iterables(range(3), range(2)));
  is_as_ordinary<without_parameters>("without_parameters", loops(3));
}

TEST_F(named_program, keeps_every_bit_of_a_number) {
  std::vector<double> all{0.0,
                          -0.0,
                          std::numeric_limits<double>::infinity(),
                          std::numeric_limits<double>::denorm_min(),
                          std::bit_cast<double>(0x7ff0000000000123ULL),
                          std::bit_cast<double>(0xfff8000000000456ULL)};
  is_as_ordinary<bits>("bits", iterables(all));
  std::mt19937_64 random{7};
  std::vector<double> more(1000);
  for (auto& x : more)
    x = std::bit_cast<double>(random());
  is_as_ordinary<bits>("bits", iterables(more));
  is_as_ordinary<bits>("bits", iterables(std::vector<float>{0.1F, -0.0F, 1e-45F}));
}

TEST_F(named_program, takes_scattered_data_and_futures) {
  auto a = session->scatter(std::vector{1.0, 2.0, 3.0});
  auto b = session->scatter(std::vector{0.5, 0.25, 0.125});
  is_as_ordinary<dot>("dot", args(a, b));
  is_as_ordinary<dot>("dot", args(std::vector{1.0, 2.0}, b));
  is_as_ordinary<resampled>("resampled", args(session->scatter(sample{1.5, "one", {1, 2}})), iterables(range(3)));
  is_as_ordinary<energy>("daskify::test::energy", args(session->scatter(2.5), session->scatter(true)));
  is_as_ordinary<described>("described",
                            args(session->scatter(std::string{"s"}), session->scatter(std::string{"t"}), 'x'));
  is_as_ordinary<letters>("letters", args(session->scatter(std::vector<std::string>{"ab", "c"})));

  auto numbers = run(negated, iterables(range(4)));
  is_as_ordinary<negated>("daskify::test::negated", args(numbers[3]));
  is_as_ordinary<energy>("daskify::test::energy", args(numbers[3], numbers[2]));
  is_as_ordinary<energy>("daskify::test::energy", args(submit(unregistered<static_cast<int (*)(int)>(negated)>{}, 3)),
                         iterables(std::vector{numbers[1], numbers[2]}));
  is_as_ordinary<negated>("daskify::test::negated", iterables(std::vector{numbers[3], numbers[0], numbers[3]}));
  auto vectors = run(many, args(std::size_t{3}), iterables(range(3)));
  is_as_ordinary<dot>("dot", args(vectors[1]), iterables(std::vector{vectors[1], vectors[2]}));
  auto words = run(described, args("name", "more"), iterables(std::string{"xy"}));
  is_as_ordinary<described>("described", args(words[0]), iterables(std::vector{words[1], words[0]}, range('a', 'c')));
  auto truths = run([](int x) { return x > 1; }, iterables(range(4)));
  is_as_ordinary<narrowed>("narrowed", args(1, truths[3]), iterables(std::vector{truths[0], truths[3]}));
}

TEST_F(named_program, shows_scattered_elements_where_they_are_and_makes_values_once_per_process) {
  auto data = session->scatter(std::vector<double>(1000, 1.0));
  auto where = reinterpret_cast<std::uintptr_t>(session->map(data.handle()->id()).data());
  for (auto seen : internal::gather(run(address, args(data), iterables(range(3))), on_error::raise))
    EXPECT_EQ(seen, where);
  auto once = internal::gather(run(address_of_whole, args(data), iterables(range(3))), on_error::raise);
  auto again = internal::gather(run(address_of_whole, args(data), iterables(range(3))), on_error::raise);
  EXPECT_EQ(once, again);
  EXPECT_EQ(once[0], once[2]);
  EXPECT_NE(once[0], where);
}

TEST_F(named_program, sends_large_arguments_by_way_of_the_store) {
  std::vector<double> large(200'000, 0.5);
  is_as_ordinary<dot>("dot", args(large, large));
  EXPECT_LT(session->last_run.description.size(), 1000U);
  EXPECT_EQ(session->last_run.objects.size(), 2U);
  is_as_ordinary<many>("many", args(200'000, 2));
  is_as_ordinary<bits>("bits", iterables(large));
  EXPECT_TRUE(session->last_run.stored_description);
}

TEST_F(named_program, is_described_by_three_numbers_for_a_sweep_of_a_thousand_millions) {
  internal::run_draft draft;
  draft.session = session.get();
  internal::describe_call(draft, named_function<double(double, int)>{"daskify::test::energy"}, std::tuple{},
                          std::tuple{linspace(0., 1., 1'000'000'000), range(1'000'000'000)});
  EXPECT_LT(draft.description.size(), 120U);
}

TEST_F(named_program, tells_tasks_what_they_ask) {
  is_as_ordinary<task>("task", iterables(range(3)), loops(2));
  auto all = run(named_function<double(double, int)>{"daskify::test::energy"}, iterables(std::vector{0.5}, range(3)),
                 loops(2));
  EXPECT_EQ(all.combination(4), (std::tuple{0.5, 1}));
  auto failed = internal::gather(run(named_function<int(int)>{"odd_only"}, iterables(range(3))), on_error::keep);
  EXPECT_TRUE(failed[1]);
  EXPECT_THAT(failed[2].message(), testing::HasSubstr("std::range_error: even: 2"));
}

TEST_F(named_program, calls_functions_whose_parameters_take_the_same_values) {
  EXPECT_EQ(submit(named_function<double(std::vector<double>, std::vector<double>)>{"dot"}, std::vector{2.0},
                   std::vector{3.0})
                .get(),
            6.0);
  EXPECT_EQ(
      submit(named_function<std::string(std::string_view, std::string, const char&)>{"described"}, "a", "b", 'c').get(),
      "abc");
}

TEST_F(named_program, gives_back_what_a_reference_to_a_parameter_refers_to) {
  is_as_ordinary<larger>("larger", args(2.0), iterables(std::vector{1.5, 2.5}));
  is_as_ordinary<larger>("larger", args(2), iterables(range(4)));
}

/// Who takes a reference to a base may look at the rest of the object.
TEST(named_call, does_not_cut_an_object_down_to_its_base) {
  using internal::named_call;
  EXPECT_TRUE((named_call<double(const figure&), std::tuple<figure>, std::tuple<>>::is_possible));
  EXPECT_FALSE((named_call<double(const figure&), std::tuple<named_figure>, std::tuple<>>::is_possible));
}

TEST_F(named_program, is_none_of_a_name_that_was_moved_from) {
  named_function<int(int)> from{"task"};
  auto to = std::move(from);
  EXPECT_THROW(submit(from, 1), data_error);
}

// -- what is refused ------------------------------------------------------------------------------------------------

/// What a run of this name and signature is refused with.
template <class Signature, class... Ts>
std::string refusal(named_program& test, const std::string& name, const Ts&... values) {
  try {
    test.submit(named_function<Signature>{name}, values...);
  } catch (const error& e) {
    EXPECT_EQ(e.code(), error_code::function_not_found);
    return e.what();
  }
  return "nothing was thrown";
}

TEST_F(named_program, says_that_a_name_is_unknown_and_which_may_be_meant) {
  EXPECT_THAT(refusal<int(int)>(*this, "od_only", 1),
              testing::AllOf(testing::HasSubstr("'od_only'"), testing::HasSubstr("did you mean 'odd_only'?"),
                             testing::HasSubstr("--load")));
  EXPECT_THAT(refusal<int(int)>(*this, "something else", 1), testing::Not(testing::HasSubstr("did you mean")));
  EXPECT_THROW(named_function<int(int)>{""}, data_error);
}

TEST_F(named_program, says_which_signature_a_function_has) {
  EXPECT_THAT(refusal<int(double)>(*this, "odd_only", 1),
              testing::AllOf(testing::HasSubstr("int (int), not int (double)"), testing::HasSubstr("unit-tests")));
  EXPECT_THAT(refusal<double(int)>(*this, "odd_only", 1), testing::HasSubstr("int (int), not double (int)"));
  EXPECT_THAT(refusal<int(const std::string&, std::vector<double>)>(*this, "odd_only", "a", std::vector{1.0}),
              testing::HasSubstr("int (int), not int (std::string const&, std::vector<double>)"));
  EXPECT_THAT(refusal<int(int, int)>(*this, "odd_only", 1, 2), testing::HasSubstr("int (int), not int (int, int)"));
}

/// A description of a call of energy: what `tell` writes.
template <class Tell>
internal::run_spec told(Tell&& tell, const std::string& name = "daskify::test::energy") {
  byte_buffer bytes;
  encoder out{bytes};
  out.write(internal::label_of<double(double, int)>().hash);
  out.write(std::string{"double (double, int)"});
  tell(out);
  internal::run_spec spec;
  spec.program.registered = name;
  spec.tasks = 1;
  spec.description = shared_bytes{std::move(bytes)};
  return spec;
}

error_code code_of(one_process_session& session, const internal::run_spec& spec) {
  try {
    session.execute(spec);
  } catch (const error& e) {
    return e.code();
  }
  return error_code::none;
}

void tell_value(encoder& out, auto value) {
  out.write(std::uint8_t{1});
  out.write(value);
}

TEST_F(named_program, refuses_descriptions_that_no_call_has) {
  auto code = [&](auto&& tell) { return code_of(*session, told(tell)); };
  EXPECT_EQ(code([](encoder& out) { tell_value(out, 1.0), tell_value(out, 1); }), error_code::none);
  EXPECT_EQ(code([](encoder& out) { tell_value(out, 1.0); }), error_code::truncated_bytes);
  EXPECT_EQ(code([](encoder& out) { tell_value(out, 1.0), tell_value(out, 1.0); }), error_code::corrupt_bytes);
  for (int source = 0; source < 256; ++source) {
    bool is_one = source >= 1 && source <= 8;
    auto from = [&](encoder& out) {
      out.write(static_cast<std::uint8_t>(source));
      out.write(1.0);
      tell_value(out, 1);
    };
    EXPECT_TRUE(is_one || code(from) == error_code::corrupt_bytes) << source;
  }
  for (int kind = 0; kind < 256; ++kind) { // 1 to 16: types of integers
    auto range = [&](encoder& out) {
      tell_value(out, 1.0);
      out.write(std::uint8_t{4}), out.write(static_cast<std::uint8_t>(kind));
      out.write(std::uint64_t{0}), out.write(std::uint64_t{1}), out.write(std::uint64_t{5});
    };
    EXPECT_EQ(code(range), kind >= 1 && kind <= 16 ? error_code::none : error_code::corrupt_bytes) << kind;
  }
}

TEST_F(named_program, refuses_counts_that_their_bytes_do_not_hold) {
  auto code = [&](auto&& tell) { return code_of(*session, told(tell)); };
  EXPECT_EQ(code([](encoder& out) { out.write(std::uint8_t{7}), out.write(UINT64_MAX); }), error_code::truncated_bytes);
  for (auto kind : {0, 18})
    EXPECT_EQ(code([&](encoder& out) {
                out.write(std::uint8_t{8}), out.write(static_cast<std::uint8_t>(kind)), out.write(UINT64_MAX);
              }),
              error_code::truncated_bytes);
  auto spaces = [](std::uint64_t first, std::uint64_t second) {
    return [=](encoder& out) {
      out.write(std::uint8_t{5}), out.write(linear_space{0, 1, first});
      out.write(std::uint8_t{5}), out.write(linear_space{0, 1, second});
    };
  };
  EXPECT_EQ(code(spaces(5, 7)), error_code::none);
  EXPECT_EQ(code(spaces(0, 7)), error_code::corrupt_bytes);
  EXPECT_EQ(code(spaces(std::uint64_t{1} << 32, std::uint64_t{1} << 32)), error_code::corrupt_bytes);
}

TEST_F(named_program, refuses_data_and_futures_that_are_not_there_or_of_another_type) {
  auto code = [&](auto&& tell) { return code_of(*session, told(tell)); };
  auto text = session->scatter(std::string{"text"}).handle()->id().value;
  auto scattered_as = [](std::uint8_t kind, std::uint64_t id) {
    return [=](encoder& out) { out.write(std::uint8_t{2}), out.write(kind), out.write(id), tell_value(out, 1); };
  };
  EXPECT_EQ(code(scattered_as(0, 9999)), error_code::unknown_object);
  EXPECT_EQ(code(scattered_as(0, text)), error_code::wrong_type);
  EXPECT_EQ(code(scattered_as(18, text)), error_code::wrong_type);
  EXPECT_EQ(code(scattered_as(20, text)), error_code::corrupt_bytes);
  EXPECT_EQ(code([&](encoder& out) {
              out.write(std::uint8_t{3}), out.write(std::uint8_t{0}), out.write(std::uint64_t{5}),
                  out.write(std::uint64_t{0});
            }),
            error_code::unknown_run);
}

TEST_F(named_program, survives_any_damage_to_its_description) {
  auto data = session->scatter(std::vector{1.0, 2.0, 3.0});
  run(dot, args(data), iterables(std::vector<std::vector<double>>{{1, 2, 3}, {4}}));
  auto whole = session->last_run;
  std::mt19937 random{11};
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    byte_buffer bytes;
    auto size = random() % 4 == 0 ? random() % (whole.description.size() + 1) : whole.description.size();
    bytes.append(whole.description.data(), size);
    for (auto n = random() % 3; n != 0 && size != 0; --n)
      bytes.data()[random() % size] = static_cast<std::byte>(random() % 4 == 0 ? 255 : random());
    auto damaged = whole;
    damaged.tasks = 1;
    damaged.description = shared_bytes{std::move(bytes)};
    refused += code_of(*session, damaged) != error_code::none;
  }
  EXPECT_GT(refused, 5'000);
}

} // namespace
} // namespace daskify::test
