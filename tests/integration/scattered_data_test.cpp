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

TEST_F(scattered_data, is_filled_in_place_seen_by_tasks_and_viewed_without_a_copy) {
  auto builder = cluster.new_data<double>(3);
  builder.values()[1] = 2.5;
  auto data = cluster.scatter_data("filled", std::move(builder));
  EXPECT_TRUE(builder.values().empty());
  EXPECT_THROW(cluster.scatter_data(std::move(builder)), daskify::data_error);
  EXPECT_EQ(cluster.submit([](std::span<const double> x) { return x[1]; }, data).get(), 2.5);
  auto view = cluster.view_data(data);
  EXPECT_THAT(view, testing::ElementsAre(0.0, 2.5, 0.0));
  EXPECT_THAT(cluster.view_data<std::vector<double>>("filled").values(), testing::ElementsAre(0.0, 2.5, 0.0));
  EXPECT_EQ(cluster.gather_data(data), (std::vector{0.0, 2.5, 0.0}));
  cluster.shutdown_cluster();
  EXPECT_EQ(view[1], 2.5) << "a view keeps its bytes";
}

TEST_F(scattered_data, is_listed_with_its_size_and_who_holds_it) {
  EXPECT_TRUE(cluster.objects().empty());
  auto one = cluster.scatter_data("one", std::vector<int>(1000));
  {
    auto two = cluster.scatter_data(std::string{"two"});
    auto listed = cluster.objects();
    ASSERT_EQ(listed.size(), 2u);
    EXPECT_EQ(listed[0].key, "one");
    EXPECT_EQ(listed[0].size_bytes, 4000u);
    EXPECT_EQ(listed[0].references, 1u);
    EXPECT_THAT(listed[0].type, HasSubstr("std::vector<int"));
    EXPECT_EQ(listed[1].key, "");
  }
  EXPECT_TRUE(eventually([&] { return cluster.objects().size() == 1; }));
}

TEST_F(scattered_data, is_freed_when_nothing_holds_it_any_more) {
  auto data = cluster.scatter_data("kept by its key", 1);
  auto other = cluster.scatter_data("kept by a run", std::string{"x"});
  auto sizes = cluster.run([](std::string_view s, int) { return s.size(); }, args(other), iterables(range(2)));
  other = cluster.scatter_data(std::string{"another"});
  cluster.release("kept by a run");
  EXPECT_THAT(cluster.gather_data(sizes), testing::ElementsAre(1u, 1u));
  EXPECT_EQ(cluster.objects().size(), 3u);
  cluster.release(sizes);
  sizes = {};
  EXPECT_TRUE(eventually([&] { return cluster.objects().size() == 2; }));
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
