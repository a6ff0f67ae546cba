/// Calls of registered functions, by symbol and by name, against the same calls as they are made within one program.

#include "daskify/code/type_label.hpp"

#include "unit/program/named_program.hpp"

#include <cstring>

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
