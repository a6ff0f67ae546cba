#include "daskify/config/settings.hpp"

#include "daskify/config/option_table.hpp"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "daskify/error.hpp"

using namespace std::chrono_literals;
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
