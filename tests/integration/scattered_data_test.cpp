/// Scattered data, in shared memory of real worker processes.

#include "support/cluster_of_two.hpp"

namespace {

using namespace std::chrono_literals;
using namespace daskify::test;
using daskify::args;
using daskify::iterables;
using daskify::loops;
using daskify::range;
using testing::HasSubstr;

struct scattered_data : cluster_of_two {};

double weighted(std::span<const double> weights, double x) {
  return weights[0] * x + weights[1];
}

TEST_F(scattered_data, lets_tasks_see_scattered_data_without_a_copy) {
  auto weights = cluster.scatter_data("weights", std::vector<double>{2.0, 1.0});
  auto results = cluster.gather_data(cluster.run(weighted, args(weights), iterables(range(3))));
  EXPECT_THAT(results, testing::ElementsAre(1.0, 3.0, 5.0));
  auto sizes = cluster.gather_data(
      cluster.run([](const std::vector<double>& all, int) { return all.size(); }, args(weights), iterables(range(2))));
  EXPECT_THAT(sizes, testing::ElementsAre(2u, 2u));
  EXPECT_EQ(cluster.gather_data<std::vector<double>>("weights"), (std::vector{2.0, 1.0}));
}

TEST_F(scattered_data, loses_only_the_task_that_writes_to_scattered_data) {
  auto data = cluster.scatter_data(std::vector<int>{1, 2, 3});
  auto bad = cluster.submit(
      [](std::span<const int> view) {
        const_cast<int&>(view[0]) = 7;
        return view[0];
      },
      data);
  EXPECT_THROW(bad.get(), daskify::worker_lost);
  EXPECT_EQ(cluster.submit([](std::span<const int> view) { return view[0]; }, data).get(), 1);
}

TEST_F(scattered_data, refuses_keys_that_are_taken_unknown_or_of_another_type) {
  cluster.scatter_data("observed", std::vector<double>{1.0});
  EXPECT_THROW(cluster.scatter_data("observed", 3), daskify::data_error);
  EXPECT_THROW(cluster.gather_data<int>("observed"), daskify::data_error);
  try {
    cluster.gather_data<int>("observd");
    FAIL();
  } catch (const daskify::data_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("observed"));
  }
  cluster.scatter_data("observed", 3, daskify::existing_key::replace);
  EXPECT_EQ(cluster.gather_data<int>("observed"), 3);
  cluster.release("observed");
  EXPECT_THROW(cluster.gather_data<int>("observed"), daskify::data_error);
}

} // namespace
