/// Scattered data, futures and large values, for registered functions.

#include "unit/program/named_program.hpp"

namespace daskify::test {
namespace {

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

} // namespace
} // namespace daskify::test
