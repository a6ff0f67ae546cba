#include "daskify/os/control_groups.hpp"

#include <filesystem>
#include <gtest/gtest.h>
#include <string_view>
#include <vector>

using namespace daskify::internal;

namespace {

using paths = std::vector<std::filesystem::path>;

constexpr std::string_view unified_mounts = "24 30 0:22 / /proc rw,nosuid - proc proc rw\n"
                                            "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";

constexpr std::string_view separate_mounts =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:31 /docker/abc /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n";

constexpr std::string_view separate_groups = "5:cpuacct,cpu:/slurm/job_7\n4:memory:/docker/abc/inner\n0::/\n";

TEST(control_groups, walks_from_the_own_group_up_to_the_root) {
  EXPECT_EQ(cgroup_folders("0::/user.slice/user-7.slice/app\n", unified_mounts, ""),
            (paths{"/sys/fs/cgroup/user.slice/user-7.slice/app", "/sys/fs/cgroup/user.slice/user-7.slice",
                   "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup"}));
  EXPECT_EQ(cgroup_folders("0::/\n", unified_mounts, ""), paths{"/sys/fs/cgroup"});
}

TEST(control_groups, finds_the_hierarchy_of_each_controller) {
  EXPECT_EQ(cgroup_folders(separate_groups, separate_mounts, "cpu"),
            (paths{"/sys/fs/cgroup/cpu,cpuacct/slurm/job_7", "/sys/fs/cgroup/cpu,cpuacct/slurm",
                   "/sys/fs/cgroup/cpu,cpuacct"}));
  EXPECT_EQ(cgroup_folders(separate_groups, separate_mounts, "pids"), paths{});
  EXPECT_EQ(cgroup_folders(separate_groups, separate_mounts, ""), paths{});
}

TEST(control_groups, starts_at_the_part_of_the_hierarchy_that_is_mounted) {
  EXPECT_EQ(cgroup_folders(separate_groups, separate_mounts, "memory"),
            (paths{"/sys/fs/cgroup/memory/inner", "/sys/fs/cgroup/memory"}));
  EXPECT_EQ(cgroup_folders("4:memory:/elsewhere\n", separate_mounts, "memory"), paths{"/sys/fs/cgroup/memory"});
  EXPECT_EQ(cgroup_folders("0::/../../other\n", unified_mounts, ""), paths{"/sys/fs/cgroup"});
}

TEST(control_groups, reads_mount_points_with_blanks) {
  EXPECT_EQ(cgroup_folders("0::/a\n", "31 23 0:28 / /my\\040groups\\134 rw - cgroup2 none rw", ""),
            (paths{"/my groups\\/a", "/my groups\\"}));
}

TEST(control_groups, survives_junk_in_place_of_the_kernels_files) {
  for (std::string_view junk : {"", "\n\n", ":::", "0:", " - ", "1 2 3 - cgroup2", "\\04", "0::"})
    for (auto controller : {"", "cpu"}) {
      EXPECT_EQ(cgroup_folders(junk, junk, controller), paths{}) << junk;
      EXPECT_EQ(cgroup_folders(junk, "", controller), paths{}) << junk;
    }
}

} // namespace
