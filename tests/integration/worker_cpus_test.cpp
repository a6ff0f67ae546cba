/// CPUs of workers: the threads that libraries start in their tasks, and what workers are bound to.

#include "daskify/launch/worker_cpus.hpp"
#include "daskify/os/cpu_count.hpp"
#include "libraries/openmp_threads.hpp"
#include "support/environment_variable.hpp"
#include "support/run_program.hpp"
#include "support/slurm_cluster.hpp"
#include "support/standing_cluster.hpp"
#include "support/text_of.hpp"

#include <daskify/daskify.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace daskify::test;
using daskify::internal::affinity_cpus;
using daskify::internal::thread_variables;
using daskify::internal::usable_cpus;
using testing::Each;
using testing::HasSubstr;

std::string value_of(const std::string& variable) {
  const char* value = std::getenv(variable.c_str());
  return value ? value : "none";
}

int threads_of_openmp(int) {
  return openmp_threads();
}

/// The CPUs of a process from /proc/PID/status, as "0-1,3".
std::string allowed_cpus(const std::string& process) {
  auto status = text_of("/proc/" + process + "/status");
  constexpr std::string_view key = "Cpus_allowed_list:\t";
  auto begin = status.find(key);
  if (begin == status.npos)
    return "no such process";
  begin += key.size();
  return status.substr(begin, status.find('\n', begin) - begin);
}

/// The CPUs of the thread that runs a task.
std::string cpus_of_task(int) {
  return allowed_cpus("thread-self");
}

std::vector<unsigned> numbers_in(const std::string& list) {
  std::vector<unsigned> numbers;
  std::istringstream parts{list};
  for (std::string part; std::getline(parts, part, ',');) {
    auto first = static_cast<unsigned>(std::stoul(part));
    auto dash = part.find('-');
    auto last = dash == part.npos ? first : static_cast<unsigned>(std::stoul(part.substr(dash + 1)));
    for (auto cpu = first; cpu <= last; ++cpu)
      numbers.push_back(cpu);
  }
  return numbers;
}

/// The CPUs that each worker is bound to, by name.
std::map<std::string, std::vector<unsigned>> bindings(const daskify::daskified& cluster) {
  std::map<std::string, std::vector<unsigned>> all;
  for (const auto& w : cluster.workers())
    all[w.name] = numbers_in(allowed_cpus(std::to_string(w.pid)));
  return all;
}

void expect_disjoint(const std::map<std::string, std::vector<unsigned>>& all) {
  std::multiset<unsigned> taken;
  for (const auto& [name, cpus] : all) {
    EXPECT_FALSE(cpus.empty()) << name;
    taken.insert(cpus.begin(), cpus.end());
  }
  EXPECT_EQ(taken.size(), std::set<unsigned>(taken.begin(), taken.end()).size()) << "two workers share a CPU";
}

std::vector<std::uint32_t> cpus_of_workers(const daskify::daskified& cluster) {
  std::vector<std::uint32_t> all;
  for (const auto& w : cluster.workers())
    all.push_back(w.cpus);
  return all;
}

std::uint32_t share_among(std::size_t workers, std::size_t cpus = usable_cpus()) {
  return static_cast<std::uint32_t>(std::max<std::size_t>(cpus / workers, 1));
}

/// Removes the variables that may have been set before the tests.
void forget_thread_variables() {
  for (const auto* name : thread_variables)
    ::unsetenv(name);
}

/// The values of a variable that some tasks on each worker see.
std::vector<std::string> seen(daskify::daskified& cluster, const std::string& variable) {
  return cluster.gather_data(cluster.run(value_of, daskify::iterables(std::vector<std::string>(16, variable))));
}

void expect_limits(daskify::daskified& cluster, std::uint32_t threads) {
  for (const auto* name : thread_variables)
    EXPECT_THAT(seen(cluster, name), Each(std::to_string(threads))) << name;
}

struct worker_cpus : testing::Test {
  void SetUp() override { forget_thread_variables(); }
};

TEST_F(worker_cpus, are_shared_by_the_workers_of_this_machine) {
  for (std::int64_t size : {1, 2, 3}) {
    auto cluster = program_with({.size = size});
    cluster.start_cluster();
    auto share = share_among(static_cast<std::size_t>(size));
    expect_limits(cluster, share);
    EXPECT_THAT(cpus_of_workers(cluster), Each(share)) << size << " workers";
  }
}

TEST_F(worker_cpus, are_shared_by_the_workers_of_several_nodes_on_this_machine) {
  auto cluster = program_with({.size = 2, .nodes = 2});
  cluster.start_cluster();
  expect_limits(cluster, share_among(2));
  EXPECT_THAT(cpus_of_workers(cluster), Each(share_among(2)));
}

TEST_F(worker_cpus, are_shared_by_the_tasks_that_a_worker_runs_at_the_same_time) {
  auto cluster = program_with({.size = 1, .threads = 2});
  cluster.start_cluster();
  expect_limits(cluster, share_among(2));
  EXPECT_THAT(cpus_of_workers(cluster), Each(usable_cpus()));
}

TEST_F(worker_cpus, are_the_threads_of_openmp_in_a_task) {
  if (openmp_threads() == 0)
    GTEST_SKIP() << "the compiler has no OpenMP, or a sanitizer would find fault with it";
  for (std::int64_t size : {1, 2}) {
    auto cluster = program_with({.size = size});
    cluster.start_cluster();
    EXPECT_THAT(cluster.gather_data(cluster.run(threads_of_openmp, daskify::iterables(daskify::range(8)))),
                Each(static_cast<int>(share_among(static_cast<std::size_t>(size)))));
  }
}

TEST_F(worker_cpus, do_not_count_where_the_user_has_set_a_number_of_threads) {
  environment_variable own{"OMP_NUM_THREADS", "7"};
  auto cluster = program_with({.size = 2, .nodes = 2});
  cluster.start_cluster();
  EXPECT_THAT(seen(cluster, "OMP_NUM_THREADS"), Each("7"));
  EXPECT_THAT(seen(cluster, "OPENBLAS_NUM_THREADS"), Each(std::to_string(share_among(2)))) << "one by one";
  if (openmp_threads() != 0) {
    auto threads = cluster.gather_data(cluster.run(threads_of_openmp, daskify::iterables(daskify::range(8))));
    EXPECT_THAT(threads, Each(7));
  }
}

// -- pin ----------------------------------------------------------------------------------------------------

TEST_F(worker_cpus, are_all_of_this_process_without_pin) {
  auto cluster = program_with({.size = 2});
  cluster.start_cluster();
  for (const auto& [name, cpus] : bindings(cluster))
    EXPECT_EQ(cpus, affinity_cpus()) << name;
}

TEST_F(worker_cpus, are_of_each_worker_alone_with_pin) {
  if (affinity_cpus().size() < 2)
    GTEST_SKIP() << "this process has one CPU";
  for (std::int64_t nodes : {1, 2}) {
    auto before = affinity_cpus();
    auto cluster = program_with({.size = 2, .nodes = nodes, .pin = true});
    cluster.start_cluster();
    auto all = bindings(cluster);
    EXPECT_EQ(all.size(), 2u);
    expect_disjoint(all);
    EXPECT_EQ(affinity_cpus(), before) << "this thread is bound to nothing new";
  }
}

TEST_F(worker_cpus, bind_the_threads_that_run_tasks_too) {
  auto cluster = program_with({.size = 1, .threads = 2, .pin = true});
  cluster.start_cluster();
  auto all = cluster.gather_data(cluster.run(cpus_of_task, daskify::iterables(daskify::range(8))));
  EXPECT_THAT(all, Each(allowed_cpus(std::to_string(cluster.workers().at(0).pid))));
}

TEST_F(worker_cpus, are_shared_evenly_by_more_workers_than_there_are_with_pin) {
  auto count = affinity_cpus().size();
  if (count > 8)
    GTEST_SKIP() << "more workers than CPUs would be many on this machine";
  auto cluster = program_with({.size = static_cast<std::int64_t>(2 * count), .pin = true});
  cluster.start_cluster();
  std::map<unsigned, int> users;
  for (const auto& [name, cpus] : bindings(cluster)) {
    ASSERT_EQ(cpus.size(), 1u) << name;
    ++users[cpus.front()];
  }
  EXPECT_EQ(users.size(), count);
  for (auto [cpu, number] : users)
    EXPECT_EQ(number, 2) << "CPU " << cpu;
}

TEST_F(worker_cpus, are_those_of_the_worker_before_for_one_that_takes_its_place) {
  auto cluster = program_with({.size = 2, .pin = true});
  cluster.start_cluster();
  auto before = bindings(cluster);
  auto first = cluster.workers().at(0);
  ::kill(first.pid, SIGKILL);
  auto is_replaced = [&] {
    auto all = cluster.workers();
    return all.size() == 2 && std::ranges::none_of(all, [&](const auto& w) { return w.pid == first.pid; });
  };
  ASSERT_TRUE(eventually(is_replaced));
  EXPECT_EQ(bindings(cluster), before);
}

// -- standing clusters --------------------------------------------------------------------------------------

struct worker_cpus_of_a_standing_cluster : standing_cluster {
  void SetUp() override { forget_thread_variables(); }
};

TEST_F(worker_cpus_of_a_standing_cluster, are_shared_by_the_workers_of_a_daskify_worker) {
  start_scheduler();
  auto workers = start_workers(2, {"--program", this_program, "--daskify.pin", "on"});
  auto cluster = client();
  cluster.start_cluster();
  expect_limits(cluster, share_among(2));
  EXPECT_THAT(cpus_of_workers(cluster), Each(share_among(2)));
  if (affinity_cpus().size() > 1)
    expect_disjoint(bindings(cluster));
  auto status = run_program("daskify", "status --connection_directory '" + folder.string() + "'").output;
  EXPECT_THAT(status, HasSubstr("CPUS"));
  auto json = run_program("daskify", "status --json --connection_directory '" + folder.string() + "'").output;
  EXPECT_THAT(json, HasSubstr("\"cpus\": " + std::to_string(share_among(2))));
}

TEST_F(worker_cpus_of_a_standing_cluster, are_shared_by_the_workers_that_daskify_up_starts) {
  auto where = " --connection_directory '" + folder.string() + "'";
  auto up = run_program("daskify", "up --program '" + this_program + "' --size 2 --session_directory '" +
                                       base.path().string() + "'" + where);
  ASSERT_EQ(up.exit_code, 0) << up.output;
  {
    auto cluster = client();
    cluster.start_cluster();
    expect_limits(cluster, share_among(2));
  }
  auto down = run_program("daskify", "down" + where);
  EXPECT_EQ(down.exit_code, 0) << down.output;
}

// -- jobs of SLURM ------------------------------------------------------------------------------------------

struct worker_cpus_in_jobs : slurm_test {
  temporary_folder base;

  void SetUp() override {
    slurm_test::SetUp();
    forget_thread_variables();
  }

  void TearDown() override {
    EXPECT_TRUE(eventually([] { return output_of("squeue -h -o %i").empty(); })) << "no job is left";
  }

  daskify::daskified make(daskify::options with) const {
    with.mode = daskify::cluster_mode::slurm;
    with.start_when = with.size;
    with.queue = "main";
    with.memory = 256 << 20;
    with.session_directory = base.path().string();
    with.progress = daskify::progress_style::off;
    return program_with(with);
  }
};

TEST_F(worker_cpus_in_jobs, are_shared_by_the_workers_of_a_job) {
  for (std::int64_t processes : {1, 2}) {
    auto cluster = make({.size = 2, .cores = 2, .processes = processes});
    cluster.start_cluster();
    auto share = share_among(static_cast<std::size_t>(processes), std::min<std::size_t>(usable_cpus(), 2));
    expect_limits(cluster, share);
    EXPECT_THAT(cpus_of_workers(cluster), Each(share)) << processes << " in a job";
  }
}

TEST_F(worker_cpus_in_jobs, are_those_of_a_task_where_one_allocation_has_all) {
  auto cluster = make({.size = 2, .cores = 1, .job_shape = daskify::job_shape::allocation});
  cluster.start_cluster();
  expect_limits(cluster, 1);
  EXPECT_THAT(cpus_of_workers(cluster), Each(1u)) << "its tasks may be on one node, whose CPUs they share";
}

TEST_F(worker_cpus_in_jobs, keep_a_number_of_threads_that_the_user_has_set) {
  environment_variable own{"OMP_NUM_THREADS", "7"};
  auto cluster = make({.size = 1});
  cluster.start_cluster();
  EXPECT_THAT(seen(cluster, "OMP_NUM_THREADS"), Each("7"));
}

TEST_F(worker_cpus_in_jobs, are_bound_to_no_cpus_that_another_job_may_have) {
  if (affinity_cpus().size() < 2)
    GTEST_SKIP() << "this process has one CPU";
  auto cluster = make({.size = 2, .cores = 1, .processes = 2, .pin = true});
  cluster.start_cluster();
  for (const auto& [name, cpus] : bindings(cluster))
    EXPECT_EQ(cpus, affinity_cpus()) << name;
}

TEST_F(worker_cpus_in_jobs, are_of_each_worker_alone_where_the_job_has_as_many_as_it_is_bound_to) {
  auto count = static_cast<std::int64_t>(affinity_cpus().size());
  if (count < 2 || count > 4)
    GTEST_SKIP() << "the nodes of this SLURM say that they have 4 CPUs, and this machine has " << count;
  auto cluster = make({.size = 2, .cores = count, .processes = 2, .pin = true});
  cluster.start_cluster();
  expect_disjoint(bindings(cluster));
}

} // namespace
