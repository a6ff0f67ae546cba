#include "daskify/deploy/cpu_count.hpp"

#include "support/environment_variable.hpp"

#include <gtest/gtest.h>
#include <limits>
#include <sched.h>
#include <thread>

using namespace daskify::internal;
using daskify::test::environment_variable;

namespace {

using paths = std::vector<std::filesystem::path>;

constexpr std::string_view unified_mounts = "24 30 0:22 / /proc rw,nosuid - proc proc rw\n"
                                            "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";

constexpr std::string_view separate_mounts =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:31 /docker/abc /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n";

constexpr std::string_view separate_groups = "5:cpuacct,cpu:/slurm/job_7\n4:memory:/docker/abc/inner\n0::/\n";

} // namespace

TEST(cpu_count, rounds_a_quota_down_but_never_to_zero) {
  EXPECT_EQ(parse_cpu_max("400000 100000\n"), 4U);
  EXPECT_EQ(parse_cpu_max("399999 100000\n"), 3U);
  EXPECT_EQ(parse_cpu_max("20000 100000\n"), 1U);
  EXPECT_EQ(parse_cpu_max("0 100000\n"), 1U);
  EXPECT_EQ(parse_cpu_max("18446744073709551615 1"), std::numeric_limits<unsigned>::max());
  EXPECT_EQ(parse_cfs_quota("250000\n", "100000\n"), 2U);
  EXPECT_EQ(parse_cfs_quota("1000\n", "100000\n"), 1U);
}

TEST(cpu_count, takes_no_quota_for_no_limit) {
  EXPECT_EQ(parse_cpu_max("max 100000\n"), std::nullopt);
  EXPECT_EQ(parse_cfs_quota("-1\n", "100000\n"), std::nullopt);
}

TEST(cpu_count, ignores_texts_that_are_no_quota) {
  for (auto text : {"", "\n", "100000", "100000 0", "100000 x", "1e5 100000", "100000 100000 7", "max", "-5 100",
                    "99999999999999999999 1"})
    EXPECT_EQ(parse_cpu_max(text), std::nullopt) << text;
  EXPECT_EQ(parse_cfs_quota("", ""), std::nullopt);
  EXPECT_EQ(parse_cfs_quota("100000", ""), std::nullopt);
  EXPECT_EQ(parse_cfs_quota("100000", "0"), std::nullopt);
}

TEST(cpu_count, believes_slurm_only_inside_a_job) {
  EXPECT_EQ(slurm_cpus("7", "12"), 12U);
  EXPECT_EQ(slurm_cpus(nullptr, "12"), std::nullopt);
  EXPECT_EQ(slurm_cpus("7", nullptr), std::nullopt);
  for (auto text : {"", "0", "-1", "4(x2)", " 4", "many"})
    EXPECT_EQ(slurm_cpus("7", text), std::nullopt) << text;
}

TEST(cpu_count, walks_from_the_own_group_up_to_the_root) {
  EXPECT_EQ(cgroup_folders("0::/user.slice/user-7.slice/app\n", unified_mounts, ""),
            (paths{"/sys/fs/cgroup/user.slice/user-7.slice/app", "/sys/fs/cgroup/user.slice/user-7.slice",
                   "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup"}));
  EXPECT_EQ(cgroup_folders("0::/\n", unified_mounts, ""), paths{"/sys/fs/cgroup"});
}

TEST(cpu_count, finds_the_hierarchy_of_each_controller) {
  EXPECT_EQ(cgroup_folders(separate_groups, separate_mounts, "cpu"),
            (paths{"/sys/fs/cgroup/cpu,cpuacct/slurm/job_7", "/sys/fs/cgroup/cpu,cpuacct/slurm",
                   "/sys/fs/cgroup/cpu,cpuacct"}));
  EXPECT_EQ(cgroup_folders(separate_groups, separate_mounts, "pids"), paths{});
  EXPECT_EQ(cgroup_folders(separate_groups, separate_mounts, ""), paths{});
}

TEST(cpu_count, starts_at_the_part_of_the_hierarchy_that_is_mounted) {
  EXPECT_EQ(cgroup_folders(separate_groups, separate_mounts, "memory"),
            (paths{"/sys/fs/cgroup/memory/inner", "/sys/fs/cgroup/memory"}));
  EXPECT_EQ(cgroup_folders("4:memory:/elsewhere\n", separate_mounts, "memory"), paths{"/sys/fs/cgroup/memory"});
  EXPECT_EQ(cgroup_folders("0::/../../other\n", unified_mounts, ""), paths{"/sys/fs/cgroup"});
}

TEST(cpu_count, reads_mount_points_with_blanks) {
  EXPECT_EQ(cgroup_folders("0::/a\n", "31 23 0:28 / /my\\040groups\\134 rw - cgroup2 none rw", ""),
            (paths{"/my groups\\/a", "/my groups\\"}));
}

TEST(cpu_count, survives_junk_in_place_of_the_kernels_files) {
  for (std::string_view junk : {"", "\n\n", ":::", "0:", " - ", "1 2 3 - cgroup2", "\\04", "0::"})
    for (auto controller : {"", "cpu"}) {
      EXPECT_EQ(cgroup_folders(junk, junk, controller), paths{}) << junk;
      EXPECT_EQ(cgroup_folders(junk, "", controller), paths{}) << junk;
    }
}

TEST(cpu_count, is_no_more_than_the_affinity_of_the_calling_thread) {
  EXPECT_GE(usable_cpus(), 1U);
  unsigned pinned = 0;
  std::thread{[&] {
    cpu_set_t allowed;
    ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
    int first = 0;
    while (!CPU_ISSET(first, &allowed))
      ++first;
    CPU_ZERO(&allowed);
    CPU_SET(first, &allowed);
    ASSERT_EQ(::sched_setaffinity(0, sizeof allowed, &allowed), 0);
    pinned = usable_cpus();
  }}.join();
  EXPECT_EQ(pinned, 1U);
}

TEST(cpu_count, is_the_part_of_one_task_where_a_step_of_srun_has_several_on_the_node) {
  auto all = usable_cpus();
  environment_variable job{"SLURM_JOB_ID", "12"};
  environment_variable cpus{"SLURM_CPUS_ON_NODE", std::to_string(2 * all)};
  EXPECT_EQ(usable_cpus(), all) << "a batch script has the whole node";
  environment_variable step{"SLURM_STEP_ID", "0"};
  environment_variable rank{"SLURM_PROCID", "1"};
  environment_variable tasks{"SLURM_STEP_NUM_TASKS", std::to_string(2 * all)};
  environment_variable same{"SLURM_NTASKS", std::to_string(2 * all)};
  environment_variable node{"SLURM_NODEID", "0"};
  environment_variable here{"SLURM_STEP_TASKS_PER_NODE", std::to_string(2 * all)};
  EXPECT_EQ(usable_cpus(), 1U);
}
