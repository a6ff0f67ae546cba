#include "daskify/os/process_identity.hpp"

#include "support/forked.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

using namespace daskify::internal;
using namespace daskify::test;

TEST(process_identity, stays_the_same_for_one_process_and_differs_for_another) {
  auto here = this_process();
  EXPECT_EQ(here.pid, ::getpid());
  EXPECT_EQ(here, this_process());
  EXPECT_EQ(exit_code_of(forked([&] { return this_process() != here; })), 0);
}

TEST(process_identity, is_gone_once_the_process_has_ended) {
  EXPECT_FALSE(is_gone(this_process()));
  EXPECT_TRUE(is_gone(ended_process()));
}

TEST(process_identity, is_gone_when_only_a_zombie_is_left) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  pid_t pid = forked([&] {
    auto identity = this_process();
    return ::write(ends[1], &identity.start_time, sizeof identity.start_time) > 0;
  });
  auto identity = this_process();
  identity.pid = pid;
  ASSERT_EQ(::read(ends[0], &identity.start_time, sizeof identity.start_time),
            static_cast<ssize_t>(sizeof identity.start_time));
  ::close(ends[0]);
  ::close(ends[1]);
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(is_gone(identity));
  EXPECT_EQ(exit_code_of(pid), 0);
}

TEST(process_identity, is_gone_when_its_pid_belongs_to_another_process_now) {
  auto earlier = this_process();
  --earlier.start_time;
  EXPECT_TRUE(is_gone(earlier));
}

TEST(process_identity, is_not_gone_when_it_cannot_be_judged_from_here) {
  for (auto change :
       {+[](process_identity& p) { p.boot_id = "of-another-machine"; }, +[](process_identity& p) { p.boot_id = "-"; },
        +[](process_identity& p) { p.pid = 0; }, +[](process_identity& p) { p.pid = -1; },
        +[](process_identity& p) { ++p.pid_namespace; }, +[](process_identity& p) { p.pid_namespace = 0; }}) {
    auto process = ended_process();
    change(process);
    EXPECT_FALSE(is_gone(process));
  }
}

TEST(process_identity, is_of_an_earlier_boot_when_only_its_machine_has_the_same_name) {
  EXPECT_FALSE(is_of_an_earlier_boot(this_process()));
  auto earlier = this_process();
  earlier.boot_id = "of-yesterday";
  EXPECT_TRUE(is_of_an_earlier_boot(earlier));
  for (auto name : {"another-machine", "-", "localhost"}) {
    earlier.host = name;
    EXPECT_FALSE(is_of_an_earlier_boot(earlier)) << name;
  }
}

TEST(process_stat, is_read_behind_a_name_that_looks_like_the_rest) {
  const std::string rest = " R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21\n";
  EXPECT_EQ(parse_process_stat("12 (sh)" + rest), (process_stat{'R', 4711}));
  EXPECT_EQ(parse_process_stat("12 (a) Z 1 (b c)" + rest), (process_stat{'R', 4711}));
}

TEST(process_stat, is_nothing_for_junk) {
  for (auto text : {"", ")", ") ", "12 (sh) R", "12 (sh) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x 20",
                    "12 (sh) RR 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20", "12 sh R 1 2 3"})
    EXPECT_EQ(parse_process_stat(text), std::nullopt) << text;
}
