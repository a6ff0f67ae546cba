#include "daskify/program/function_registry.hpp"

#include "daskify/code/type_label.hpp"
#include "daskify/function.hpp"

#include <gmock/gmock.h>

namespace daskify::internal {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

double energy(double x, int n) {
  return x * n;
}
double other_energy(double x, int n) {
  return x + n;
}

/// Places where functions are registered: any variables of a file.
char here = 1, there = 2, elsewhere = 3;

registered_function named(const char* name, double (*f)(double, int), const char& place) {
  using signature = double(double, int);
  return {&place,
          name,
          reinterpret_cast<any_function>(f),
          &named_program<signature>::make,
          &label_of<value_signature<signature>>,
          &label_of<signature>};
}

template <class Signature>
asked_signature asked() {
  return {label_of<value_signature<Signature>>().hash, label_of<Signature>().name};
}

function_ref by_name(const char* name) {
  function_ref wanted;
  wanted.registered = name;
  return wanted;
}

std::string refusal(const function_registry& all, const function_ref& wanted) {
  try {
    all.find(wanted, asked<double(double, int)>());
  } catch (const error& e) {
    EXPECT_EQ(e.code(), error_code::function_not_found);
    return e.what();
  }
  return "nothing was thrown";
}

TEST(function_registry, finds_what_was_registered_until_it_is_removed) {
  function_registry all;
  all.add(named("energy", energy, here));
  all.add(named("other", other_energy, there));
  auto found = all.find(by_name("energy"), asked<double(double, int)>());
  EXPECT_EQ(found.function, reinterpret_cast<any_function>(energy));
  auto reference = all.reference_to(reinterpret_cast<any_function>(other_energy));
  ASSERT_TRUE(reference);
  EXPECT_EQ(reference->registered, "other");
  EXPECT_EQ(all.find(*reference, asked<double(double, int)>()).place, &there);
  all.remove(&there);
  EXPECT_FALSE(all.reference_to(reinterpret_cast<any_function>(other_energy)));
  EXPECT_THAT(refusal(all, by_name("other")), HasSubstr("'other'"));
}

TEST(function_registry, takes_one_function_from_several_source_files) {
  function_registry all;
  all.add(named("energy", energy, here));
  all.add(named("energy", energy, there));
  EXPECT_EQ(all.find(by_name("energy"), asked<double(double, int)>()).place, &here);
  all.remove(&here);
  EXPECT_EQ(all.find(by_name("energy"), asked<double(double, int)>()).place, &there);
}

TEST(function_registry, refuses_a_name_that_two_functions_have_and_says_where_they_are) {
  function_registry all;
  all.add(named("energy", energy, here));
  all.add(named("energy", other_energy, there));
  auto sentence = refusal(all, by_name("energy"));
  EXPECT_THAT(sentence, AllOf(HasSubstr("two functions named 'energy'"), HasSubstr("unit-tests' and in '")));
  auto by_symbol = all.reference_to(reinterpret_cast<any_function>(other_energy));
  EXPECT_EQ(all.find(*by_symbol, asked<double(double, int)>()).place, &there) << "this one is meant";
}

TEST(function_registry, refuses_a_function_of_another_build_of_its_file) {
  function_registry all;
  all.add(named("energy", energy, here));
  auto wanted = *all.reference_to(reinterpret_cast<any_function>(energy));
  wanted.file = "libmodel.so";
  wanted.module[0] = wanted.module[0] == '0' ? '1' : '0';
  EXPECT_THAT(refusal(all, wanted), AllOf(HasSubstr("'libmodel.so'"), HasSubstr(wanted.module), HasSubstr("--load")));
}

TEST(function_registry, says_which_name_may_be_meant) {
  function_registry all;
  EXPECT_THAT(refusal(all, by_name("energy")), AllOf(HasSubstr("'energy'"), Not(HasSubstr("did you mean"))));
  all.add(named("model::energy", energy, elsewhere));
  EXPECT_THAT(refusal(all, by_name("model:energy")), HasSubstr("did you mean 'model::energy'?"));
}

TEST(function_registry, compares_signatures_by_the_values_that_they_take) {
  EXPECT_EQ(asked<double(std::string)>().hash, asked<double(std::string_view)>().hash);
  EXPECT_EQ(asked<double(const std::vector<int>&)>().hash, asked<double(std::span<const int>)>().hash);
  EXPECT_EQ(asked<const int&(int&&)>().hash, asked<int(const int)>().hash);
  EXPECT_NE(asked<double(float)>().hash, asked<double(double)>().hash);
  EXPECT_NE(asked<double(int)>().hash, asked<double(int, int)>().hash);
  EXPECT_NE(asked<double(int)>().hash, asked<float(int)>().hash);
}

} // namespace
} // namespace daskify::internal
