#include "daskify/config/settings.hpp"

#include "daskify/config/option_table.hpp"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "daskify/error.hpp"

using namespace std::chrono_literals;
using daskify::cluster_mode;
using daskify::config_error;
using daskify::error_code;
using daskify::internal::describe_settings;
using daskify::internal::settings;

namespace {

std::string refusal(const settings& all) {
  try {
    all.validate();
    return {};
  } catch (const daskify::config_error& wrong) {
    EXPECT_EQ(wrong.code(), daskify::error_code::bad_option_value);
    return wrong.what();
  }
}

} // namespace

TEST(settings, defaults_are_valid) {
  EXPECT_EQ(refusal({}), "");
}

TEST(settings, heartbeat_timeout_must_exceed_two_intervals) {
  settings all;
  all.heartbeat_interval = 10s;
  all.heartbeat_timeout = 20s;
  all.origins = {{"heartbeat_interval", "my.conf:3"}};
  EXPECT_EQ(refusal(all), "heartbeat_timeout 20s (default) must be more than twice heartbeat_interval 10s "
                          "(my.conf:3): raise the first or lower the second");
  all.heartbeat_timeout = 20001ms;
  EXPECT_EQ(refusal(all), "");
}

TEST(settings, a_value_that_was_put_in_by_hand_is_checked_too) {
  settings all;
  all.size = 0;
  EXPECT_EQ(refusal(all), "cannot use '0' for 'size' (default): it is less than 1; give a whole number from "
                          "1 to 1000000, or auto");
  all = {};
  all.start_timeout = -1s;
  EXPECT_NE(refusal(all).find("cannot use '-1s' for 'start_timeout' (default): it is negative"), std::string::npos);
  all = {};
  all.mode = static_cast<daskify::cluster_mode>(99);
  EXPECT_NE(refusal(all).find("for 'mode'"), std::string::npos);
  all = {};
  all.log_directory = "";
  EXPECT_NE(refusal(all).find("for 'log_directory'"), std::string::npos);
}

TEST(settings, relative_paths_are_of_the_folder_that_the_program_started_in) {
  settings all;
  all.resolve_paths("/home/me");
  EXPECT_EQ(all.spill_directory, "/var/tmp");
  EXPECT_EQ(all.session_directory, std::nullopt);
  all.spill_directory = "spill";
  all.session_directory = "./s";
  all.log_directory = "../logs";
  all.worker_program = "build/worker";
  all.resolve_paths("/home/me");
  EXPECT_EQ(all.spill_directory, "/home/me/spill");
  EXPECT_EQ(all.session_directory, "/home/me/s");
  EXPECT_EQ(all.log_directory, "/home/logs");
  EXPECT_EQ(all.worker_program, "/home/me/build/worker");
  all.spill_directory = "none";
  all.resolve_paths("/elsewhere");
  EXPECT_EQ(all.spill_directory, "none");
  EXPECT_EQ(all.log_directory, "/home/logs");
}

TEST(settings, a_start_waits_for_all_workers_here_for_the_first_on_slurm_and_for_none_of_others) {
  settings all;
  EXPECT_EQ(all.workers_at_start(8), 8u);
  all.mode = cluster_mode::connect;
  EXPECT_EQ(all.workers_at_start(8), 0u);
  for (auto mode : {cluster_mode::slurm, cluster_mode::test}) {
    all.mode = mode;
    EXPECT_EQ(all.workers_at_start(8), 1u);
    all.minimum = 3;
    EXPECT_EQ(all.workers_at_start(8), 3u) << "which its documents promise";
    all.minimum.reset();
  }
  for (auto mode : {cluster_mode::local, cluster_mode::slurm, cluster_mode::connect}) {
    all.mode = mode;
    for (std::size_t count : {0u, 5u, 8u}) {
      all.start_when = count;
      EXPECT_EQ(all.workers_at_start(8), count);
    }
    all.start_when.reset();
  }
}

TEST(settings, a_start_cannot_wait_for_more_workers_than_there_can_be) {
  settings all;
  all.start_when = 9;
  all.origins["start_when"] = "cluster.conf:3";
  try {
    all.workers_at_start(8);
    FAIL();
  } catch (const config_error& e) {
    EXPECT_EQ(e.code(), error_code::bad_option_value);
    EXPECT_STREQ(e.what(), "start_when 9 (cluster.conf:3) is more than the 8 workers that the cluster can have: lower "
                           "it, or ask for more workers by size");
  }
}

TEST(settings, memory_of_a_job_is_left_to_the_site_unless_it_is_set_or_the_mode_is_test) {
  settings all;
  all.mode = cluster_mode::slurm;
  EXPECT_EQ(all.job_memory(), 0u);
  EXPECT_EQ(all.partition(), std::nullopt);
  all.mode = cluster_mode::test;
  EXPECT_EQ(all.job_memory(), 2'000'000'000u);
  all.memory = 5'000'000'000;
  EXPECT_EQ(all.job_memory(), 5'000'000'000u);
}

TEST(settings, description_shows_each_value_and_its_origin) {
  settings all;
  all.size = 8;
  all.heartbeat_interval = 500ms;
  all.origins = {{"size", "command line"}, {"heartbeat_interval", "environment DASKIFY_HEARTBEAT_INTERVAL"}};
  all.job_extra = {"--exclusive", "-C x"};
  all.origins.emplace("job_extra", "my.conf:3");
  auto text = describe_settings(all);
  for (auto line : {"mode = local                              # default\n",
                    "size = 8                                  # command line\n",
                    "job_extra = --exclusive                   # my.conf:3\n"
                    "job_extra = -C x                          # my.conf:3\n",
                    "heartbeat_interval = 500ms                # environment DASKIFY_HEARTBEAT_INTERVAL\n"})
    EXPECT_NE(text.find(line), text.npos) << line << "is not in\n" << text;
  for (const auto& option : daskify::internal::option_table())
    EXPECT_NE(("\n" + text).find("\n" + std::string{option.name} + " = "), text.npos) << option.name;
}

TEST(settings, mode_hosts_needs_hosts_and_has_workers_on_each) {
  settings all;
  all.mode = cluster_mode::hosts;
  EXPECT_NE(refusal(all).find("mode hosts (default) needs hosts: name them"), std::string::npos) << refusal(all);
  all.hosts = {"n1", "n2"};
  all.processes = 4;
  EXPECT_EQ(refusal(all), "");
  EXPECT_EQ(all.fleet_size(), 8u);
  all.size = 3;
  EXPECT_EQ(all.fleet_size(), 3u);
  EXPECT_TRUE(all.uses_other_machines());
  EXPECT_FALSE(all.is_on_slurm());
}
