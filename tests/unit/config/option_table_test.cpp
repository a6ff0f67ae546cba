#include "daskify/config/option_table.hpp"

#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"

using namespace daskify::internal;

TEST(option_table, has_an_entry_for_every_option_but_config) {
  // Does not compile when `options` has another number of members.
  auto [config, mode, size, threads, nodes, worker_program, load, hosts, queue, account, cores, memory, processes,
        walltime, job_extra, job_prologue, job_shape, minimum, maximum, interface, connection_directory, scheduler,
        port, start_timeout, queue_timeout, accept_fewer, heartbeat_interval, heartbeat_timeout, retries, store_limit,
        spill_directory, session_directory, log_directory, progress, start_when, pin, allow_ranks, short_options,
        max_lost] = daskify::options{};
  constexpr std::size_t members = 39;
  EXPECT_EQ(option_table().size(), members - 1);
}

TEST(option_table, names_are_distinct_and_lower_case) {
  std::set<std::string_view> names;
  for (const auto& option : option_table()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_EQ(option.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos) << option.name;
  }
}

TEST(option_table, every_default_can_be_read_back) {
  for (const auto& option : option_table()) {
    settings all;
    option.read(option.write({}), all);
    EXPECT_EQ(option.write(all), option.write({})) << option.name;
  }
}

TEST(option_table, no_option_takes_an_empty_text) {
  for (const auto& option : option_table()) {
    settings all;
    EXPECT_THROW(option.read("", all), bad_value) << option.name;
  }
}

TEST(option_table, code_that_sets_nothing_gives_nothing) {
  for (const auto& option : option_table())
    EXPECT_EQ(option.given({}), std::nullopt) << option.name;
}

TEST(option_table, auto_takes_back_an_earlier_value) {
  settings all;
  for (const auto& option : option_table())
    if (option.name == "log_directory") {
      set_option(all, option, "/var/log", "my.conf:1");
      EXPECT_EQ(all.log_directory, "/var/log");
      set_option(all, option, "auto", "command line");
    }
  EXPECT_EQ(all.log_directory, std::nullopt);
  EXPECT_EQ(all.origin("log_directory"), "command line");
}

TEST(option_table, a_refused_value_changes_nothing) {
  settings all;
  for (const auto& option : option_table())
    EXPECT_THROW(set_option(all, option, "\n", "code"), daskify::config_error) << option.name;
  EXPECT_TRUE(all.origins.empty());
  EXPECT_EQ(describe_settings(all), describe_settings({}));
}

TEST(option_table, help_explains_every_option) {
  auto help = help_text();
  for (const auto& option : option_table())
    EXPECT_NE(help.find("\n  --daskify." + std::string{option.name} + " VALUE"), std::string::npos) << option.name;
}

TEST(option_table, shipped_config_files_are_what_the_table_generates) {
  std::filesystem::path root{DASKIFY_SOURCE_DIR};
  for (auto [file, mode] :
       {std::pair{"local.conf", daskify::cluster_mode::local}, std::pair{"slurm.conf", daskify::cluster_mode::slurm},
        std::pair{"standing.conf", daskify::cluster_mode::connect}}) {
    if (std::getenv("DASKIFY_REGENERATE"))
      std::ofstream{root / "config" / file} << example_config(mode);
    std::ifstream in{root / "config" / file};
    ASSERT_TRUE(in) << file;
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>{in}, {}), example_config(mode)) << file;
  }
}
