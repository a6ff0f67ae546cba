/// Data that do not fit into the memory of a node: what is spilled, what is loaded again, and what is reported.

#include "support/cluster_of_two.hpp"

#include <filesystem>
#include <fstream>

namespace {

using namespace std::chrono_literals;
using namespace daskify::test;
using daskify::args;
using daskify::iterables;
using daskify::range;
using testing::HasSubstr;

constexpr std::int64_t limit = 32'000'000;
constexpr std::size_t large = 1'000'000; // numbers: 8 MB

std::vector<double> numbers(double first) {
  std::vector<double> all(large);
  for (auto& x : all)
    x = first++;
  return all;
}

double sum(std::span<const double> all) {
  double total = 0;
  for (auto x : all)
    total += x;
  return total;
}

struct small_store : cluster_of_two {
  temporary_folder disk;

  explicit small_store(const std::string& spill_directory = {}) {
    cluster = make(
        {.store_limit = limit, .spill_directory = spill_directory.empty() ? disk.path().string() : spill_directory});
  }
};

struct small_store_without_disk : small_store {
  small_store_without_disk() : small_store{"none"} {}
};

TEST_F(small_store, spills_what_nobody_uses_and_brings_it_back_bit_by_bit) {
  std::vector<daskify::scattered<std::vector<double>>> all;
  for (int i = 0; i < 12; ++i)
    all.push_back(cluster.scatter_data(numbers(i)));
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 12; ++i)
      ASSERT_EQ(cluster.gather_data(all[static_cast<std::size_t>(i)]), numbers(i));
  std::vector<daskify::future<double>> sums;
  for (const auto& data : all)
    sums.push_back(cluster.submit(sum, data));
  for (int i = 0; i < 12; ++i)
    EXPECT_EQ(sums[static_cast<std::size_t>(i)].get(), sum(numbers(i)));
  EXPECT_TRUE(std::filesystem::is_empty(disk.path())) << "spill files have no names";
}

TEST_F(small_store, spills_small_objects_too) {
  std::vector<daskify::scattered<std::string>> all;
  for (int i = 0; i < 1200; ++i)
    all.push_back(cluster.scatter_data(std::string(50'000, static_cast<char>('a' + i % 26))));
  for (int i = 0; i < 1200; i += 7)
    ASSERT_EQ(cluster.gather_data(all[static_cast<std::size_t>(i)]),
              std::string(50'000, static_cast<char>('a' + i % 26)));
}

TEST_F(small_store, spills_results_until_they_are_gathered) {
  auto made = cluster.run([](int i) { return numbers(i); }, iterables(range(12)));
  auto results = cluster.gather_data(made);
  for (std::size_t i = 0; i < results.size(); ++i)
    ASSERT_EQ(results[i], numbers(static_cast<double>(i)));
}

TEST_F(small_store, keeps_what_is_in_use_and_refuses_more_with_the_figures) {
  std::vector<daskify::data_view<double>> views;
  std::vector<daskify::scattered<std::vector<double>>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(cluster.scatter_data(numbers(i)));
    views.push_back(cluster.view_data(all.back()));
  }
  all.push_back(cluster.scatter_data(numbers(3)));
  try {
    views.push_back(cluster.view_data(all.back()));
    all.push_back(cluster.scatter_data(numbers(4)));
    FAIL();
  } catch (const daskify::data_error& e) {
    EXPECT_EQ(e.code(), daskify::error_code::no_room);
    EXPECT_THAT(e.what(), HasSubstr("7.6 MiB"));
    EXPECT_THAT(e.what(), HasSubstr("limit of 30.5 MiB"));
  }
  for (std::size_t i = 0; i < views.size(); ++i)
    EXPECT_EQ(views[i][0], static_cast<double>(i));
  views.clear();
  EXPECT_EQ(cluster.gather_data(all.back()), numbers(3));
}

TEST_F(small_store, refuses_what_is_larger_than_itself) {
  EXPECT_THROW(cluster.new_data<double>(5 * large), daskify::data_error);
  EXPECT_THROW(cluster.scatter_data(std::vector<double>(5 * large)), daskify::data_error);
  EXPECT_EQ(cluster.gather_data(cluster.scatter_data(numbers(1))), numbers(1));
  auto result = cluster.submit([] { return std::vector<double>(5 * large); });
  try {
    result.get();
    FAIL();
  } catch (const daskify::data_error& e) {
    EXPECT_EQ(e.code(), daskify::error_code::no_room);
  }
}

TEST_F(small_store, refuses_nothing_because_of_tasks_that_have_ended) {
  constexpr std::size_t most = 2 * large + large / 2; // only one of four fits
  std::vector<daskify::scattered<std::vector<double>>> kept;
  for (int i = 0; i < 4; ++i)
    kept.push_back(cluster.scatter_data(std::vector<double>(most, i)));
  auto first = [](std::span<const double> all) { return all[0]; };
  for (int i = 0; i < 24; ++i) {
    auto& one = kept[static_cast<std::size_t>(i % 4)];
    auto& next = kept[static_cast<std::size_t>((i + 1) % 4)];
    ASSERT_EQ(cluster.submit(first, one).get(), i % 4);
    auto both = cluster.run([](std::span<const double> all, int) { return all[0]; }, args(one), iterables(range(2)));
    ASSERT_EQ(cluster.gather_data(both).at(1), i % 4);
    cluster.release(both);
    both = {};
    ASSERT_EQ(cluster.gather_data(next)[0], (i + 1) % 4);
    ASSERT_EQ(cluster.submit(first, std::vector<double>(most, i)).get(), i);
  }
}

TEST_F(small_store, gathers_small_objects_together_that_share_their_blocks_with_what_is_gone) {
  std::vector<daskify::scattered<std::string>> kept;
  for (int i = 0; i < 60; ++i) {
    kept.push_back(cluster.scatter_data(std::to_string(i)));
    for (int k = 0; k < 16; ++k)
      cluster.scatter_data(std::string(65'000, 'x')); // released at once
  }
  auto all = cluster.gather_data(kept);
  ASSERT_EQ(all.size(), 60U);
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(all[i], std::to_string(i));
}

TEST_F(small_store_without_disk, refuses_more_than_it_can_hold_until_something_is_released) {
  std::vector<daskify::scattered<std::vector<double>>> all;
  for (int i = 0; i < 3; ++i)
    all.push_back(cluster.scatter_data(numbers(i)));
  for (int i = 3; i < 10; ++i) {
    try {
      all.push_back(cluster.scatter_data(numbers(i)));
      all.push_back(cluster.scatter_data(numbers(i)));
      FAIL();
    } catch (const daskify::data_error& e) {
      EXPECT_THAT(e.what(), HasSubstr("spill_directory"));
    }
    all.resize(3, all.front());
    all[static_cast<std::size_t>(i % 3)] = all[static_cast<std::size_t>((i + 1) % 3)];
    all[static_cast<std::size_t>(i % 3)] = cluster.scatter_data(numbers(i));
    EXPECT_EQ(cluster.gather_data(all[static_cast<std::size_t>(i % 3)]), numbers(i));
  }
}

TEST_F(small_store_without_disk, gives_back_the_room_of_a_builder_that_is_not_used) {
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(cluster.new_data<double>(3 * large).values().size(), 3 * large);
}

TEST_F(small_store_without_disk, says_of_a_task_that_ran_that_its_result_found_no_room) {
  auto made = cluster.submit([] { return std::vector<double>(5 * large); });
  try {
    made.get();
    FAIL();
  } catch (const daskify::data_error& e) {
    EXPECT_EQ(e.code(), daskify::error_code::no_room);
    EXPECT_THAT(e.what(), HasSubstr("ran, but its result could not be stored"));
  }
}

TEST_F(small_store, does_not_start_with_a_folder_to_spill_to_that_cannot_be_used) {
  cluster.shutdown_cluster();
  cluster = make({.store_limit = limit, .spill_directory = "/proc/nowhere"});
  try {
    cluster.start_cluster();
    FAIL();
  } catch (const daskify::config_error& e) {
    EXPECT_EQ(e.code(), daskify::error_code::bad_option_value);
    EXPECT_THAT(e.what(), testing::AllOf(HasSubstr("spill_directory '/proc/nowhere' (code)"), HasSubstr("No such")));
  }
}

TEST_F(small_store, says_that_a_disk_is_not_there_any_more) {
  cluster.shutdown_cluster();
  auto folder = disk.path() / "gone";
  cluster = make({.store_limit = limit, .spill_directory = folder.string()});
  cluster.start_cluster();
  std::filesystem::remove(folder);
  std::ofstream{folder} << "a file";
  std::vector<daskify::scattered<std::vector<double>>> all;
  try {
    for (int i = 0; i < 6; ++i)
      all.push_back(cluster.scatter_data(numbers(i)));
    FAIL();
  } catch (const daskify::data_error& e) {
    EXPECT_THAT(e.what(), HasSubstr(folder.string()));
  }
}

} // namespace
