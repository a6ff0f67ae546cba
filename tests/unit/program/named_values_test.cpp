/// Numbers, ranges and values that are not of the parameters' own types, for registered functions. Each call is made
/// three times, each time with code of its own: in a file apart, because they take half a gigabyte to compile.

#include "unit/program/named_program.hpp"

namespace daskify::test {
namespace {

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

} // namespace
} // namespace daskify::test
