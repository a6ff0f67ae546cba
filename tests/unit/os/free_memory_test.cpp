#include "daskify/os/free_memory.hpp"

#include "daskify/error.hpp"

#include <gtest/gtest.h>
#include <limits>
#include <map>

using namespace daskify;
using namespace daskify::internal;

namespace {

constexpr std::uint64_t mebi = 1 << 20;

/// A machine made of texts.
struct machine {
  std::map<std::string, std::string> files{{"/proc/meminfo", "MemTotal:  8388608 kB\n"
                                                             "MemFree:    100000 kB\n"
                                                             "MemAvailable:    4194304 kB\n"}};

  memory_room room() const {
    return free_memory([this](const std::filesystem::path& path) {
      auto found = files.find(path.string());
      return found == files.end() ? std::string{} : found->second;
    });
  }

  void use_version_2(const std::string& own) {
    files["/proc/self/cgroup"] = "0::" + own + "\n";
    files["/proc/self/mountinfo"] = "30 24 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n";
  }

  void use_version_1(const std::string& own, const std::string& root = "/") {
    files["/proc/self/cgroup"] = "8:cpu:/elsewhere\n4:memory:" + own + "\n0::/elsewhere\n";
    files["/proc/self/mountinfo"] = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
                                    "35 31 0:32 " +
                                    root +
                                    " /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
                                    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
  }

  void limit_version_2(const std::string& folder, const std::string& max, std::uint64_t current,
                       std::uint64_t inactive_file) {
    files[folder + "/memory.max"] = max + "\n";
    files[folder + "/memory.current"] = std::to_string(current) + "\n";
    files[folder + "/memory.stat"] = "anon 1\nfile 2\ninactive_file " + std::to_string(inactive_file) + "\n";
  }
};

} // namespace

TEST(memory_room, is_what_the_machine_has_available_outside_of_any_limit) {
  machine m;
  EXPECT_EQ(m.room().bytes, 4096 * mebi);
  EXPECT_EQ(m.room().limit, "the machine");
}

TEST(memory_room, is_bounded_by_the_own_control_group) {
  machine m;
  m.use_version_2("/job");
  m.limit_version_2("/sys/fs/cgroup/job", std::to_string(1000 * mebi), 300 * mebi, 0);
  EXPECT_EQ(m.room().bytes, 700 * mebi);
  EXPECT_EQ(m.room().limit, "the control group /sys/fs/cgroup/job");
}

TEST(memory_room, is_bounded_by_a_control_group_further_up) {
  machine m;
  m.use_version_2("/slurm/job/step");
  m.limit_version_2("/sys/fs/cgroup/slurm/job/step", "max", 300 * mebi, 0);
  m.limit_version_2("/sys/fs/cgroup/slurm", std::to_string(500 * mebi), 400 * mebi, 0);
  EXPECT_EQ(m.room().bytes, 100 * mebi);
  EXPECT_EQ(m.room().limit, "the control group /sys/fs/cgroup/slurm");
}

TEST(memory_room, counts_file_pages_that_the_kernel_can_drop_as_free) {
  machine m;
  m.use_version_2("/job");
  m.limit_version_2("/sys/fs/cgroup/job", std::to_string(1000 * mebi), 900 * mebi, 250 * mebi);
  EXPECT_EQ(m.room().bytes, 350 * mebi);
}

TEST(memory_room, never_underflows) {
  machine m;
  m.use_version_2("/job");
  m.limit_version_2("/sys/fs/cgroup/job", std::to_string(100 * mebi), 120 * mebi, 0);
  EXPECT_EQ(m.room().bytes, 0U);
  m.limit_version_2("/sys/fs/cgroup/job", std::to_string(100 * mebi), 20 * mebi, 30 * mebi);
  EXPECT_EQ(m.room().bytes, 100 * mebi);
}

TEST(memory_room, reads_version_1_through_a_mount_that_shows_only_a_part) {
  machine m;
  m.use_version_1("/docker/abc/job", "/docker/abc");
  m.files["/sys/fs/cgroup/memory/job/memory.limit_in_bytes"] = "1048576000\n";
  m.files["/sys/fs/cgroup/memory/job/memory.usage_in_bytes"] = "524288000\n";
  m.files["/sys/fs/cgroup/memory/job/memory.stat"] = "inactive_file 7\ntotal_inactive_file 104857600\n";
  EXPECT_EQ(m.room().bytes, 600 * mebi);
}

TEST(memory_room, ignores_the_huge_number_that_stands_for_no_limit_in_version_1) {
  machine m;
  m.use_version_1("/");
  m.files["/sys/fs/cgroup/memory/memory.limit_in_bytes"] = "9223372036854771712\n";
  m.files["/sys/fs/cgroup/memory/memory.usage_in_bytes"] = "524288000\n";
  EXPECT_EQ(m.room().bytes, 4096 * mebi);
}

TEST(memory_room, does_not_count_limits_that_cannot_be_read) {
  machine m;
  m.use_version_2("/job");
  for (std::string nonsense : {"", "max\n", "-1\n", "a lot\n", "99999999999999999999999\n"}) {
    m.files["/sys/fs/cgroup/job/memory.max"] = nonsense;
    m.files["/sys/fs/cgroup/job/memory.current"] = "1\n";
    EXPECT_EQ(m.room().bytes, 4096 * mebi) << nonsense;
  }
  m.limit_version_2("/sys/fs/cgroup/job", "1000", 0, 0);
  m.files.erase("/sys/fs/cgroup/job/memory.current");
  EXPECT_EQ(m.room().bytes, 4096 * mebi);
  m.files.clear();
  EXPECT_EQ(m.room().bytes, std::numeric_limits<std::uint64_t>::max());
}

TEST(memory_room, knows_a_limit_of_the_real_system) {
  auto room = free_memory();
  EXPECT_GT(room.bytes, 0U);
  EXPECT_LT(room.bytes, std::uint64_t{1} << 60);
}

TEST(memory_room, leaves_a_sixteenth_of_the_room_alone) {
  memory_room room{1600 * mebi, "the machine"};
  EXPECT_NO_THROW(require_room(1500 * mebi, "x", room));
  EXPECT_THROW(require_room(1500 * mebi + 1, "x", room), data_error);
}

TEST(memory_room, says_what_needs_how_much_and_how_much_there_is) {
  try {
    require_room(12 * 1024 * mebi, "shared memory for 'observed'", {3200 * mebi, "the control group /a"});
    FAIL() << "nothing was thrown";
  } catch (const data_error& e) {
    EXPECT_EQ(e.code(), error_code::no_room);
    EXPECT_STREQ(e.what(), "shared memory for 'observed' needs 12.0 GiB, but the control group /a has only "
                           "3.1 GiB of memory left: release data or ask for more memory");
  }
}
