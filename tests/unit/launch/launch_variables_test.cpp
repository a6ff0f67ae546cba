#include "daskify/launch/launch_variables.hpp"
#include "daskify/protocol/endpoint.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace daskify::internal {
namespace {

void set(const launch_environment& variables) {
  for (const auto& [name, value] : variables)
    ::setenv(name.c_str(), value.c_str(), 1);
}

TEST(launch_variables, tell_a_worker_what_it_is_once) {
  set(to_environment(worker_launch{
      "/run/me", 7, 3, "/log/worker-7.log", "node-2", endpoint{"::1", 4711}, {"/lib/a.so", "/lib/b c.so"}, 4}));
  EXPECT_FALSE(take_node_launch());
  auto as = take_worker_launch();
  ASSERT_TRUE(as);
  EXPECT_EQ(as->session_folder, "/run/me");
  EXPECT_EQ(as->slot, 7u);
  EXPECT_EQ(as->threads, 3u);
  EXPECT_EQ(as->log_file, "/log/worker-7.log");
  EXPECT_EQ(as->node, "node-2");
  EXPECT_EQ(as->store, (endpoint{"::1", 4711}));
  EXPECT_EQ(as->libraries, (std::vector<std::string>{"/lib/a.so", "/lib/b c.so"}));
  EXPECT_EQ(as->cpus, 4u);
  EXPECT_FALSE(take_worker_launch()) << "what a task starts is no worker";
}

TEST(launch_variables, tell_a_node_what_it_is_once) {
  node_launch what;
  what.session_folder = "/run/me";
  what.slot = 2;
  what.name = "node-2";
  what.program_name = "a program";
  what.log_folder = "/log";
  what.first_worker = 8;
  what.workers = 4;
  what.threads = 2;
  what.start_timeout = std::chrono::seconds{5};
  what.heartbeat_timeout = std::chrono::seconds{40};
  what.store_limit = std::uint64_t{5} << 40;
  what.libraries = {"/lib/a.so"};
  what.workers_here = 12;
  what.pin = true;
  set(to_environment(what));
  EXPECT_FALSE(take_worker_launch());
  auto as = take_node_launch();
  ASSERT_TRUE(as);
  EXPECT_EQ(to_environment(*as), to_environment(what));
  EXPECT_EQ(as->heartbeat_timeout, std::chrono::seconds{40});
  EXPECT_EQ(as->store_limit, std::uint64_t{5} << 40);
  EXPECT_EQ(as->spill_directory, std::nullopt);
  EXPECT_EQ(as->workers_here, 12u);
  EXPECT_TRUE(as->pin);
  EXPECT_FALSE(take_node_launch());
}

TEST(launch_variables, of_nobody_make_a_program_of_the_user) {
  EXPECT_FALSE(take_worker_launch());
  EXPECT_FALSE(take_node_launch());
}

} // namespace
} // namespace daskify::internal
