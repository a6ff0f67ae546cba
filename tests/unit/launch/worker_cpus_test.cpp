#include "daskify/launch/worker_cpus.hpp"
#include "daskify/os/cpu_count.hpp"

#include "support/environment_variable.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>
#include <set>
#include <string>

namespace daskify::internal {
namespace {

using cpus = std::vector<unsigned>;

cpus from_8_on(std::size_t count) {
  cpus all(count);
  std::iota(all.begin(), all.end(), 8U);
  return all;
}

TEST(cpus_of_worker, are_disjoint_and_take_all_where_there_are_enough) {
  for (std::size_t count = 1; count <= 12; ++count)
    for (std::size_t workers = 1; workers <= count; ++workers) {
      std::multiset<unsigned> taken;
      std::set<std::size_t> sizes;
      for (std::size_t worker = 0; worker < workers; ++worker) {
        auto own = cpus_of_worker(from_8_on(count), workers, worker);
        taken.insert(own.begin(), own.end());
        sizes.insert(own.size());
      }
      auto all = from_8_on(count);
      EXPECT_EQ(taken, std::multiset<unsigned>(all.begin(), all.end())) << workers << " workers";
      EXPECT_LE(*sizes.rbegin() - *sizes.begin(), 1u) << workers << " workers of " << count << " CPUs";
    }
}

TEST(cpus_of_worker, are_shared_evenly_where_there_are_too_few) {
  for (std::size_t count = 1; count <= 5; ++count)
    for (std::size_t workers = count + 1; workers <= 13; ++workers) {
      std::map<unsigned, std::size_t> users;
      for (std::size_t worker = 0; worker < workers; ++worker) {
        auto own = cpus_of_worker(from_8_on(count), workers, worker);
        ASSERT_EQ(own.size(), 1u);
        ++users[own.front()];
      }
      EXPECT_EQ(users.size(), count);
      for (auto [cpu, number] : users)
        EXPECT_TRUE(number == workers / count || number == workers / count + 1)
            << number << " of " << workers << " workers are on CPU " << cpu;
    }
}

TEST(cpus_of_worker, keep_the_numbers_that_the_process_has) {
  EXPECT_EQ(cpus_of_worker({3, 5, 64, 65}, 2, 0), (cpus{3, 5}));
  EXPECT_EQ(cpus_of_worker({3, 5, 64, 65}, 2, 1), (cpus{64, 65}));
}

TEST(binding, is_left_to_slurm_unless_it_binds_the_job_as_a_whole) {
  EXPECT_TRUE(may_bind(false, 1, 64, 2)) << "no job";
  EXPECT_FALSE(may_bind(true, 1, 4, 4)) << "the only worker has what SLURM gave it";
  EXPECT_TRUE(may_bind(true, 2, 4, 4));
  EXPECT_FALSE(may_bind(true, 2, 64, 4)) << "which 4 of the 64 are the job's is not known";
}

TEST(cpu_shares, give_each_worker_a_whole_number_and_at_least_one) {
  EXPECT_EQ((cpu_shares{8, {}, 2}.each()), 4u);
  EXPECT_EQ((cpu_shares{8, {}, 3}.each()), 2u);
  EXPECT_EQ((cpu_shares{8, {}, 9}.each()), 1u);
  EXPECT_EQ((cpu_shares{8, {}, 2}.bound(0)), cpus{});
  EXPECT_EQ((cpu_shares{8, {0, 1}, 2}.bound(1)), cpus{1});
}

TEST(cpu_shares, are_of_the_cpus_that_this_process_may_use) {
  auto shares = share_cpus(2, true);
  EXPECT_EQ(shares.count, usable_cpus());
  EXPECT_EQ(shares.numbers, affinity_cpus());
  EXPECT_TRUE(std::ranges::is_sorted(shares.numbers));
  EXPECT_TRUE(share_cpus(2, false).numbers.empty());
}

/// Without what somebody has set before the tests.
class worker_environment_test : public testing::Test {
protected:
  void SetUp() override {
    for (const auto* name : thread_variables)
      ::unsetenv(name);
  }
};

std::map<std::string, std::string> limits_for(std::size_t threads, std::uint32_t cpus_of_one) {
  worker_launch as;
  as.session_folder = "/run/me";
  as.threads = threads;
  as.cpus = cpus_of_one;
  auto all = worker_environment(as);
  std::map<std::string, std::string> limits{all.begin(), all.end()};
  EXPECT_EQ(limits.at("DASKIFY_WORKER_SESSION"), "/run/me");
  std::erase_if(limits, [](const auto& variable) { return variable.first.starts_with("DASKIFY_"); });
  return limits;
}

TEST_F(worker_environment_test, limits_the_threads_of_all_libraries) {
  std::map<std::string, std::string> four{{"OMP_NUM_THREADS", "4"},      {"MKL_NUM_THREADS", "4"},
                                          {"OPENBLAS_NUM_THREADS", "4"}, {"BLIS_NUM_THREADS", "4"},
                                          {"NUMEXPR_NUM_THREADS", "4"},  {"VECLIB_MAXIMUM_THREADS", "4"}};
  EXPECT_EQ(limits_for(1, 4), four);
}

TEST_F(worker_environment_test, divides_them_among_the_tasks_of_a_worker) {
  EXPECT_EQ(limits_for(2, 4).at("OMP_NUM_THREADS"), "2");
  EXPECT_EQ(limits_for(8, 4).at("OMP_NUM_THREADS"), "1");
}

TEST_F(worker_environment_test, leaves_variables_of_the_users_as_they_are) {
  test::environment_variable own{"OMP_NUM_THREADS", "3"};
  test::environment_variable empty{"MKL_NUM_THREADS", ""};
  auto limits = limits_for(1, 4);
  EXPECT_EQ(limits.count("OMP_NUM_THREADS"), 0u);
  EXPECT_EQ(limits.count("MKL_NUM_THREADS"), 0u);
  EXPECT_EQ(limits.at("OPENBLAS_NUM_THREADS"), "4");
}

TEST(usable_cpus, is_the_part_of_one_task_where_a_step_of_srun_has_several_on_the_node) {
  auto all = usable_cpus();
  test::environment_variable job{"SLURM_JOB_ID", "12"};
  test::environment_variable on_node{"SLURM_CPUS_ON_NODE", std::to_string(2 * all)};
  EXPECT_EQ(usable_cpus(), all) << "a batch script has the whole node";
  test::environment_variable step{"SLURM_STEP_ID", "0"};
  test::environment_variable rank{"SLURM_PROCID", "1"};
  test::environment_variable tasks{"SLURM_STEP_NUM_TASKS", std::to_string(2 * all)};
  test::environment_variable same{"SLURM_NTASKS", std::to_string(2 * all)};
  test::environment_variable node{"SLURM_NODEID", "0"};
  test::environment_variable here{"SLURM_STEP_TASKS_PER_NODE", std::to_string(2 * all)};
  EXPECT_EQ(usable_cpus(), 1U);
}

} // namespace
} // namespace daskify::internal
