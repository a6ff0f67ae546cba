/// Functions of libraries that workers have loaded, which know nothing of the program that calls them.

#include "libraries/test_model.hpp"
#include "support/standing_cluster.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <set>

namespace {

using namespace daskify::test;
using daskify::args;
using daskify::error_code;
using daskify::iterables;
using daskify::named_function;
using daskify::range;
using testing::AllOf;
using testing::HasSubstr;

struct registered_functions : standing_cluster {
  std::unique_ptr<child_program> workers;
  daskify::daskified cluster = client();

  void start(const std::vector<std::string>& libraries) {
    start_scheduler();
    std::vector<std::string> arguments;
    for (const auto& l : libraries)
      arguments.insert(arguments.end(), {"--load", l});
    workers = start_workers(2, arguments);
    cluster.start_cluster();
  }
};

struct by_symbol : registered_functions {
  void SetUp() override { start({DASKIFY_TEST_MODEL}); }
};

TEST_F(by_symbol, functions_of_a_loaded_library_run_as_those_of_a_program_do) {
  auto swept = cluster.run(energy, args(2), iterables(range(100)), daskify::loops(2));
  auto energies = cluster.gather_data(swept);
  ASSERT_EQ(energies.size(), 200U);
  for (std::size_t i = 0; i < energies.size(); ++i)
    EXPECT_EQ(energies[i], energy(2, static_cast<int>(i % 100)));
  EXPECT_EQ(swept.combination(7), std::tuple{7});
  auto spaced = cluster.run(energy, iterables(daskify::linspace(0.1, 3.3, 50), daskify::logspace(0, 2, 3)));
  auto expected = spaced.size();
  for (std::size_t i = 0; i < expected; ++i) {
    auto [x, n] = spaced.combination(i);
    EXPECT_EQ(spaced[i].get(), energy(x, static_cast<int>(n)));
  }
  EXPECT_EQ(cluster.submit(labelled, "a", "text", 3.7).get(), labelled("a", "text", 3));
  EXPECT_EQ(cluster.gather_data(cluster.map(odd_ones_only, std::vector{1, 3, 5})), (std::vector{1, 3, 5}));
  ASSERT_EQ(cluster.runs().size(), 3U);
  EXPECT_EQ(cluster.runs()[0].function, "energy");
}

TEST_F(by_symbol, they_see_scattered_elements_without_a_copy_and_values_once_per_process) {
  auto a = cluster.scatter_data(std::vector<double>(300'000, 0.5));
  auto b = cluster.scatter_data("b", std::vector<double>(300'000, 2.0));
  EXPECT_EQ(cluster.submit(dot, a, b).get(), 300'000.0);
  EXPECT_TRUE(cluster.submit(is_shared, a).get());
  EXPECT_TRUE(cluster.submit(is_shared, std::vector<double>(300'000, 1.0)).get()) << "large arguments";
  EXPECT_FALSE(cluster.submit(is_shared, std::vector{1.0}).get());
  auto seen = cluster.gather_data(cluster.run(address_in_worker, args(a), iterables(range(50))));
  EXPECT_LE(std::set(seen.begin(), seen.end()).size(), 2U) << "one in each of two processes";
}

TEST_F(by_symbol, they_take_futures_of_any_function_that_the_workers_have) {
  auto numbers = cluster.map(odd_ones_only, std::vector{1, 3, 5, 7});
  auto chained = cluster.submit(energy, numbers[1], numbers[2]);
  EXPECT_EQ(chained.get(), energy(3, 5));
  auto over = cluster.run(energy, args(chained), iterables(std::vector{numbers[0], numbers[3]}));
  EXPECT_EQ(cluster.gather_data(over), (std::vector{energy(energy(3, 5), 1), energy(energy(3, 5), 7)}));
  auto large = cluster.submit(filled, 400'000, 0.25);
  EXPECT_EQ(cluster.submit(dot, large, large).get(), 25'000.0) << "from store to store";
  EXPECT_EQ(large.get().size(), 400'000U);
  auto failed = cluster.map(odd_ones_only, range(2))[0];
  EXPECT_EQ(refusal([&] { cluster.submit(energy, 1, failed).get(); }).first, error_code::dependency_failed);
}

TEST_F(by_symbol, their_tasks_know_what_they_are_and_say_what_they_throw) {
  auto places = cluster.gather_data(cluster.run(place_of_task, iterables(range(20)), daskify::loops(3)));
  std::set<std::uint64_t> seeds;
  for (std::size_t i = 0; i < places.size(); ++i) {
    EXPECT_EQ(places[i][0], i);
    EXPECT_EQ(places[i][1], i / 20);
    seeds.insert(places[i][2]);
  }
  EXPECT_EQ(seeds.size(), 60U);
  auto some = cluster.map(odd_ones_only, range(10));
  EXPECT_EQ(cluster.monitor_progress(some).error, 5U);
  EXPECT_EQ(cluster.gather_data(some, daskify::on_error::skip), (std::vector{1, 3, 5, 7, 9}));
  try {
    some[4].get();
    FAIL() << "nothing was thrown";
  } catch (const daskify::task_error& e) {
    EXPECT_EQ(e.details().type, "std::range_error");
    EXPECT_EQ(e.details().text, "even: 4");
    EXPECT_EQ(e.details().combination, "4");
    EXPECT_THAT(e.what(), HasSubstr("of odd_ones_only"));
  }
}

TEST_F(by_symbol, their_tasks_submit_tasks) {
  double expected = 0;
  for (int i = 0; i <= 10; ++i)
    expected += energy(2, i);
  EXPECT_NEAR(cluster.submit(sum_of_energies, 10).get(), expected, 1e-12);
}

TEST_F(by_symbol, a_function_that_is_not_registered_is_still_one_of_the_program) {
  auto [code, sentence] = refusal([&] { cluster.submit(unregistered, 1).get(); });
  EXPECT_EQ(code, error_code::function_not_found);
  EXPECT_THAT(sentence, HasSubstr("--program"));
}

struct by_name : registered_functions {
  void SetUp() override { start({DASKIFY_TEST_OSCILLATOR}); }
};

TEST_F(by_name, functions_run_for_a_program_that_has_neither_header_nor_library) {
  const named_function<double(double, int)> amplitude{"oscillator::amplitude"};
  auto all = cluster.run(amplitude, iterables(daskify::linspace(0, 2, 21), range(1, 6)));
  auto results = cluster.gather_data(all);
  for (std::size_t i = 0; i < results.size(); ++i) {
    auto [time, mode] = all.combination(i);
    EXPECT_EQ(results[i], std::cos(time * mode) * std::exp(-time));
  }
  EXPECT_EQ(cluster.runs().at(0).function, "oscillator::amplitude");
  named_function<double(double)> first{"oscillator::amplitude of mode 1"};
  EXPECT_EQ(cluster.gather_data(cluster.map(first, range(2))), (std::vector{1.0, std::cos(1.0) * std::exp(-1.0)}));
  EXPECT_EQ(cluster.submit(named_function<std::size_t(std::string)>{"oscillator::letters"}, "some text").get(), 9U);
  named_function<double(const std::vector<double>&)> mean{"oscillator::mean"};
  auto data = cluster.scatter_data(std::vector<double>(400'000, 0.5));
  EXPECT_EQ(cluster.submit(mean, data).get(), 0.5);
  EXPECT_EQ(cluster.submit(mean, std::vector{1.0, 2.0}).get(), 1.5);
  EXPECT_EQ(cluster.submit(amplitude, cluster.submit(mean, data), 2).get(), std::cos(1.0) * std::exp(-0.5));
}

TEST_F(by_name, what_the_workers_do_not_have_is_said_with_what_they_have) {
  auto [code, sentence] =
      refusal([&] { cluster.submit(named_function<double(double, int)>{"oscillator::amplitud"}, 1, 2).get(); });
  EXPECT_EQ(code, error_code::function_not_found);
  EXPECT_THAT(sentence, AllOf(HasSubstr("'oscillator::amplitud'"), HasSubstr("did you mean 'oscillator::amplitude'?"),
                              HasSubstr("--load")));
  std::tie(code, sentence) =
      refusal([&] { cluster.submit(named_function<double(double)>{"oscillator::amplitude"}, 1).get(); });
  EXPECT_EQ(code, error_code::function_not_found);
  EXPECT_THAT(sentence,
              AllOf(HasSubstr("double (double, int), not double (double)"), HasSubstr(DASKIFY_TEST_OSCILLATOR)));
  EXPECT_EQ(refusal([&] { cluster.submit(energy, 1, 2).get(); }).first, error_code::function_not_found)
      << "it is not the one that the program is linked with";
}

TEST_F(registered_functions, of_one_name_in_two_libraries_are_refused_by_name_and_told_apart_by_symbol) {
  start({DASKIFY_TEST_MODEL, DASKIFY_TEST_OSCILLATOR});
  auto [code, sentence] = refusal([&] { cluster.submit(named_function<double(double, int)>{"energy"}, 1, 2).get(); });
  EXPECT_EQ(code, error_code::function_not_found);
  EXPECT_THAT(sentence, AllOf(HasSubstr(DASKIFY_TEST_MODEL), HasSubstr(DASKIFY_TEST_OSCILLATOR)));
  EXPECT_EQ(cluster.submit(energy, 4, 2).get(), energy(4, 2));
  EXPECT_EQ(cluster.submit(named_function<std::size_t(std::string)>{"oscillator::letters"}, "abc").get(), 3U);
}

} // namespace
