#include "daskify/config/loader.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "daskify/config/option_table.hpp"
#include "daskify/error.hpp"

using namespace std::chrono_literals;
using namespace daskify::internal;
using daskify::cluster_mode;
using daskify::error_code;
using daskify::options;

namespace {

/// An argv that can be changed, as main gets it.
class arguments {
public:
  arguments(std::initializer_list<std::string> given) : texts_{given} {
    for (auto& text : texts_)
      pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
    argc = static_cast<int>(texts_.size());
  }

  char** argv() { return pointers_.data(); }

  std::vector<std::string> left() const {
    EXPECT_EQ(pointers_[static_cast<std::size_t>(argc)], nullptr);
    return {pointers_.begin(), pointers_.begin() + argc};
  }

  int argc;

private:
  std::vector<std::string> texts_;
  std::vector<char*> pointers_;
};

using words = std::vector<std::string>;

settings load(arguments given, const options& in_code = {}, const environment& variables = {}) {
  return load_settings(given.argc, given.argv(), in_code, variables);
}

/// The error that reading gives, as text; empty when there is none or it has another code.
std::string refusal(error_code code, arguments given, const options& in_code = {}, const environment& variables = {}) {
  auto before = given.left();
  try {
    load_settings(given.argc, given.argv(), in_code, variables);
  } catch (const daskify::config_error& wrong) {
    EXPECT_EQ(given.left(), before) << "an error must leave argv alone";
    EXPECT_EQ(wrong.code(), code) << wrong.what();
    return wrong.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

constexpr std::string_view size_form = "; give a whole number from 1 to 1000000, or auto";

/// A folder with a config file, removed at the end.
class loader_with_file : public testing::Test {
protected:
  loader_with_file() {
    auto pattern = (std::filesystem::temp_directory_path() / "daskify-config-test-XXXXXX").string();
    if (!::mkdtemp(pattern.data()))
      throw std::runtime_error{"no folder for the test"};
    folder = pattern;
    path = folder / "my.conf";
  }

  ~loader_with_file() override { std::filesystem::remove_all(folder); }

  void write(std::string_view text) const { std::ofstream{path, std::ios::binary} << text; }

  settings load_text(std::string_view text) const {
    write(text);
    return load({"prog", "--daskify.config", path});
  }

  /// What is wrong with a file, without its path.
  std::string file_refusal(error_code code, std::string_view text) const {
    write(text);
    auto what = refusal(code, {"prog", "--daskify.config", path});
    auto at = what.find(path.string());
    return at == what.npos ? what : what.erase(at, path.string().size());
  }

  std::filesystem::path folder;
  std::filesystem::path path;
};

} // namespace

// Command line.

TEST(loader, without_any_source_all_is_default) {
  auto all = load({"prog"});
  EXPECT_EQ(describe_settings(all), describe_settings({}));
  EXPECT_FALSE(all.help);
}

TEST(loader, takes_its_own_arguments_and_leaves_the_others_in_order) {
  arguments given{"prog",
                  "in.dat",
                  "--daskify.size=4",
                  "-v",
                  "--daskify.threads",
                  "2",
                  "--out",
                  "x",
                  "--mode",
                  "test",
                  "-n3",
                  "--empty=",
                  "--config-file=a",
                  "--mode-x",
                  "",
                  "last"};
  auto all = load_settings(given.argc, given.argv(), {}, {});
  EXPECT_EQ(all.size, 4u);
  EXPECT_EQ(all.threads, 2u);
  EXPECT_EQ(all.mode, cluster_mode::test);
  EXPECT_EQ(given.left(), (words{"prog", "in.dat", "-v", "--out", "x", "-n3", "--empty=", "--config-file=a", "--mode-x",
                                 "", "last"}));
}

TEST(loader, leaves_the_programs_own_arguments_untouched) {
  arguments given{"prog",      "--size=0",       "/x",           "-", "--=", "---", "--help",
                  "--daskify", "daskify.size=3", "-daskify.size"};
  auto before = given.left();
  load_settings(given.argc, given.argv(), {}, {});
  EXPECT_EQ(given.left(), before);
}

TEST(loader, touches_nothing_after_a_lone_double_dash) {
  arguments given{"prog", "--mode=test", "--", "--daskify.size=4", "--daskify.nonsense", "--", "--config", "x"};
  auto all = load_settings(given.argc, given.argv(), {}, {});
  EXPECT_EQ(all.mode, cluster_mode::test);
  EXPECT_EQ(all.size, std::nullopt);
  EXPECT_EQ(given.left(), (words{"prog", "--", "--daskify.size=4", "--daskify.nonsense", "--", "--config", "x"}));
}

TEST(loader, lives_with_an_empty_argv) {
  arguments given{};
  EXPECT_EQ(load_settings(given.argc, given.argv(), {}, {}).size, std::nullopt);
  EXPECT_EQ(given.left(), words{});
  int none = 0;
  EXPECT_EQ(load_settings(none, nullptr, {}, {}).size, std::nullopt);
}

TEST(loader, accepts_dashes_and_underscores) {
  EXPECT_EQ(load({"prog", "--daskify.start-timeout=5s"}).start_timeout, 5s);
  EXPECT_EQ(load({"prog", "--daskify.start_timeout", "6s"}).start_timeout, 6s);
  EXPECT_EQ(load({"prog", "--daskify.log-directory=/a-b_c"}).log_directory, "/a-b_c");
}

TEST(loader, reads_every_option_from_the_command_line) {
  auto all = load({"prog",
                   "--daskify.mode=connect",
                   "--daskify.size=3",
                   "--daskify.threads=2",
                   "--daskify.worker_program=/bin/w",
                   "--daskify.start_timeout=10m",
                   "--daskify.queue_timeout=2d",
                   "--daskify.heartbeat_interval=500ms",
                   "--daskify.heartbeat_timeout=1-00:00:00",
                   "--daskify.retries=0",
                   "--daskify.session_directory=/run/me",
                   "--daskify.log_directory=logs=1",
                   "--daskify.progress=lines",
                   "--daskify.nodes=2",
                   "--daskify.store_limit=1.5GiB",
                   "--daskify.spill_directory=none",
                   "--daskify.queue=long",
                   "--daskify.hosts=n1,n2",
                   "--daskify.account=me",
                   "--daskify.cores=4",
                   "--daskify.memory=4GB",
                   "--daskify.processes=2",
                   "--daskify.walltime=2:00:00",
                   "--daskify.job_extra=--gres=gpu:1",
                   "--daskify.job_prologue=module load gcc",
                   "--daskify.job_shape=allocation",
                   "--daskify.minimum=1",
                   "--daskify.maximum=9",
                   "--daskify.interface=ib0",
                   "--daskify.accept_fewer=yes",
                   "--daskify.connection_directory=/c",
                   "--daskify.scheduler=node7:4711",
                   "--daskify.port=4711",
                   "--daskify.load=/lib/libmodel.so",
                   "--daskify.start_when=2",
                   "--daskify.max_lost=100",
                   "--daskify.pin=on",
                   "--daskify.allow_ranks=yes",
                   "--daskify.short_options=no"});
  EXPECT_EQ(all.start_when, 2u);
  EXPECT_EQ(all.max_lost, 100u);
  EXPECT_TRUE(all.pin);
  EXPECT_TRUE(all.allow_ranks);
  EXPECT_FALSE(all.short_options);
  EXPECT_EQ(all.port, 4711u);
  EXPECT_EQ(all.partition(), "long");
  EXPECT_EQ(all.hosts, (words{"n1", "n2"}));
  EXPECT_EQ(all.account, "me");
  EXPECT_EQ(all.cores, 4u);
  EXPECT_EQ(all.job_memory(), 4'000'000'000u);
  EXPECT_EQ(all.processes, 2u);
  EXPECT_EQ(all.walltime, 2h);
  EXPECT_EQ(all.job_extra, words{"--gres=gpu:1"});
  EXPECT_EQ(all.job_prologue, words{"module load gcc"});
  EXPECT_EQ(all.job_shape, daskify::job_shape::allocation);
  EXPECT_EQ(all.minimum, 1u);
  EXPECT_EQ(all.maximum, 9u);
  EXPECT_EQ(all.interface, "ib0");
  EXPECT_TRUE(all.accept_fewer);
  EXPECT_EQ(all.nodes, 2u);
  EXPECT_EQ(all.store_limit, std::uint64_t{3} << 29);
  EXPECT_EQ(all.spill_folder(), std::nullopt);
  EXPECT_EQ(all.mode, cluster_mode::connect);
  EXPECT_EQ(all.size, 3u);
  EXPECT_EQ(all.threads, 2u);
  EXPECT_EQ(all.worker_program, "/bin/w");
  EXPECT_EQ(all.start_timeout, 10min);
  EXPECT_EQ(all.queue_timeout, 48h);
  EXPECT_EQ(all.heartbeat_interval, 500ms);
  EXPECT_EQ(all.heartbeat_timeout, 24h);
  EXPECT_EQ(all.retries, 0u);
  EXPECT_EQ(all.session_directory, "/run/me");
  EXPECT_EQ(all.log_directory, "logs=1");
  EXPECT_EQ(all.progress, daskify::progress_style::lines);
  for (const auto& option : option_table())
    EXPECT_EQ(all.origin(option.name), "command line") << option.name;
}

TEST(loader, takes_a_value_that_looks_like_something_else) {
  EXPECT_EQ(load({"prog", "--daskify.log_directory", "daskify.size"}).log_directory, "daskify.size");
  EXPECT_EQ(load({"prog", "--daskify.log_directory", "-x"}).log_directory, "-x");
  EXPECT_EQ(load({"prog", "--daskify.log_directory=--mode"}).log_directory, "--mode");
  EXPECT_EQ(load({"prog", "--daskify.log_directory==a=b"}).log_directory, "=a=b");
}

TEST(loader, the_last_of_equal_arguments_wins) {
  EXPECT_EQ(load({"prog", "--daskify.size=4", "--daskify.size=5"}).size, 5u);
  EXPECT_EQ(load({"prog", "--mode=test", "--daskify.mode=slurm"}).mode, cluster_mode::slurm);
}

TEST(loader, wish_for_help_wins_over_all_other_values) {
  arguments given{"prog", "--daskify.help", "--daskify.size=0", "--config=/nonexistent", "rest"};
  auto all = load_settings(given.argc, given.argv(), {.size = 4}, {{"DASKIFY_NONSENSE", "1"}});
  EXPECT_TRUE(all.help);
  EXPECT_EQ(all.size, std::nullopt);
  EXPECT_EQ(given.left(), (words{"prog", "rest"}));
}

TEST(loader, refuses_unknown_arguments_with_our_prefix) {
  EXPECT_EQ(refusal(error_code::unknown_option, {"prog", "--daskify.sizee", "4"}),
            "unknown option '--daskify.sizee': did you mean '--daskify.size'?");
  EXPECT_EQ(refusal(error_code::unknown_option, {"prog", "--daskify.start-timeot=4"}),
            "unknown option '--daskify.start-timeot': did you mean '--daskify.start_timeout'?");
  EXPECT_EQ(refusal(error_code::unknown_option, {"prog", "--daskify.siz=4"}),
            "unknown option '--daskify.siz': did you mean '--daskify.size'?");
  EXPECT_EQ(refusal(error_code::unknown_option, {"prog", "--daskify.SIZE=4"}),
            "unknown option '--daskify.SIZE': did you mean '--daskify.size'?");
  EXPECT_EQ(refusal(error_code::unknown_option, {"prog", "--daskify.hlep"}),
            "unknown option '--daskify.hlep': did you mean '--daskify.help'?");
  EXPECT_EQ(refusal(error_code::unknown_option, {"prog", "--daskify.xylophone"}),
            "unknown option '--daskify.xylophone': --daskify.help shows the names there are");
  EXPECT_EQ(refusal(error_code::unknown_option, {"prog", "--daskify."}),
            "unknown option '--daskify.': --daskify.help shows the names there are");
  EXPECT_EQ(refusal(error_code::unknown_option, {"prog", "--daskify.=4"}),
            "unknown option '--daskify.': --daskify.help shows the names there are");
}

TEST(loader, refuses_an_argument_without_its_value) {
  const std::string sentence{"option '--daskify.size' needs a value: write --daskify.size=VALUE"};
  EXPECT_EQ(refusal(error_code::bad_option_value, {"prog", "--daskify.size"}), sentence);
  EXPECT_EQ(refusal(error_code::bad_option_value, {"prog", "--daskify.size="}), sentence);
  EXPECT_EQ(refusal(error_code::bad_option_value, {"prog", "--daskify.size", "--", "4"}), sentence);
  EXPECT_EQ(refusal(error_code::bad_option_value, {"prog", "--daskify.size", "--daskify.threads", "4"}), sentence);
  EXPECT_EQ(refusal(error_code::bad_option_value, {"prog", "--daskify.size", "--verbose"}), sentence);
  EXPECT_EQ(refusal(error_code::bad_option_value, {"prog", "--daskify.size", ""}), sentence);
  EXPECT_NE(refusal(error_code::bad_option_value, {"prog", "--mode"}).find("needs a value"), std::string::npos);
  EXPECT_NE(refusal(error_code::bad_option_value, {"prog", "--config"}).find("needs a value"), std::string::npos);
}

TEST(loader, refuses_a_value_for_help) {
  EXPECT_EQ(refusal(error_code::bad_option_value, {"prog", "--daskify.help=size"}),
            "option '--daskify.help' takes no value: leave out the '=' and what follows");
}

TEST(loader, refuses_bad_values_with_their_origin_and_what_is_right) {
  auto command = [](const std::string& value) {
    return refusal(error_code::bad_option_value, {"prog", "--daskify.size", value});
  };
  EXPECT_EQ(command("0"), std::string{"cannot use '0' for 'size' (command line): it is less than 1"}.append(size_form));
  EXPECT_EQ(command("-5"), std::string{"cannot use '-5' for 'size' (command line): it is negative"}.append(size_form));
  EXPECT_EQ(command("4x"),
            std::string{"cannot use '4x' for 'size' (command line): it is not a whole number"}.append(size_form));
  EXPECT_EQ(command("99999999999999999999"),
            std::string{"cannot use '99999999999999999999' for 'size' (command line): it is more than 1000000"}.append(
                size_form));
  EXPECT_EQ(refusal(error_code::bad_option_value, {"prog", "--daskify.mode", "lokal"}),
            "cannot use 'lokal' for 'mode' (command line): it is none of the allowed words; give one of local, "
            "test, slurm, connect, hosts");
  EXPECT_NE(refusal(error_code::bad_option_value, {"prog", "--daskify.start_timeout=5parsecs"})
                .find("has the unknown unit 'parsecs'; give a time from 1ms to 366d"),
            std::string::npos);
}

TEST(loader, auto_stands_for_the_default_only_where_there_is_no_fixed_one) {
  EXPECT_EQ(load({"prog", "--daskify.size=auto"}, {.size = 4}).size, std::nullopt);
  EXPECT_NE(refusal(error_code::bad_option_value, {"prog", "--daskify.threads=auto"}).find("'threads'"),
            std::string::npos);
}

// Environment.

TEST(loader, reads_every_option_from_the_environment) {
  environment variables{{"DASKIFY_MODE", "test"},
                        {"DASKIFY_SIZE", "3"},
                        {"DASKIFY_THREADS", "2"},
                        {"DASKIFY_WORKER_PROGRAM", "/bin/w"},
                        {"DASKIFY_START_TIMEOUT", "5"},
                        {"DASKIFY_HEARTBEAT_INTERVAL", "2s"},
                        {"DASKIFY_HEARTBEAT_TIMEOUT", "5s"},
                        {"DASKIFY_RETRIES", "7"},
                        {"DASKIFY_SESSION_DIRECTORY", "/s"},
                        {"DASKIFY_LOG_DIRECTORY", "/l"},
                        {"DASKIFY_NODES", "2"},
                        {"DASKIFY_STORE_LIMIT", "20MB"},
                        {"DASKIFY_SPILL_DIRECTORY", "/disk"},
                        {"DASKIFY_QUEUE", "none"},
                        {"DASKIFY_HOSTS", "n1 n2"},
                        {"DASKIFY_ACCOUNT", "me"},
                        {"DASKIFY_CORES", "4"},
                        {"DASKIFY_MEMORY", "4GB"},
                        {"DASKIFY_PROCESSES", "2"},
                        {"DASKIFY_WALLTIME", "90m"},
                        {"DASKIFY_JOB_EXTRA", "--exclusive\n-C x"},
                        {"DASKIFY_JOB_PROLOGUE", "module load gcc"},
                        {"DASKIFY_JOB_SHAPE", "separate"},
                        {"DASKIFY_MINIMUM", "1"},
                        {"DASKIFY_MAXIMUM", "9"},
                        {"DASKIFY_INTERFACE", "ib0"},
                        {"DASKIFY_QUEUE_TIMEOUT", "1h"},
                        {"DASKIFY_ACCEPT_FEWER", "no"},
                        {"DASKIFY_CONNECTION_DIRECTORY", "/c"},
                        {"DASKIFY_SCHEDULER", "node7:4711"},
                        {"DASKIFY_PORT", "4711"},
                        {"DASKIFY_LOAD", "/lib/libmodel.so"},
                        {"DASKIFY_START_WHEN", "0"},
                        {"DASKIFY_MAX_LOST", "auto"},
                        {"DASKIFY_PIN", "on"},
                        {"DASKIFY_ALLOW_RANKS", "yes"},
                        {"DASKIFY_SHORT_OPTIONS", "no"},
                        {"DASKIFY_PROGRESS", "off"}};
  auto all = load({"prog"}, {}, variables);
  EXPECT_EQ(all.worker_program, "/bin/w");
  EXPECT_EQ(all.start_timeout, 5s);
  EXPECT_EQ(all.retries, 7u);
  EXPECT_EQ(all.partition(), std::nullopt);
  EXPECT_EQ(all.job_extra, (words{"--exclusive", "-C x"}));
  ASSERT_EQ(variables.size(), option_table().size());
  for (const auto& option : option_table())
    EXPECT_NE(all.origin(option.name).find("environment DASKIFY_"), std::string::npos) << option.name;
  EXPECT_EQ(all.origin("size"), "environment DASKIFY_SIZE");
}

TEST(loader, leaves_other_peoples_variables_alone) {
  auto all = load({"prog"}, {}, {{"HOME", "/"}, {"SIZE", "x"}, {"DASKIFY", "x"}, {"daskify_size", "x"}});
  EXPECT_TRUE(all.origins.empty());
}

TEST(loader, refuses_unknown_variables_of_ours) {
  auto variable = [](const std::string& name) {
    return refusal(error_code::unknown_option, {"prog"}, {}, {{name, "4"}});
  };
  EXPECT_EQ(variable("DASKIFY_SIZEE"), "unknown environment variable 'DASKIFY_SIZEE': did you mean 'DASKIFY_SIZE'?");
  EXPECT_EQ(variable("DASKIFY_WORKER_PROGRAN"),
            "unknown environment variable 'DASKIFY_WORKER_PROGRAN': did you mean 'DASKIFY_WORKER_PROGRAM'?");
  EXPECT_EQ(variable("DASKIFY_CONFIGG"),
            "unknown environment variable 'DASKIFY_CONFIGG': did you mean 'DASKIFY_CONFIG'?");
  EXPECT_EQ(variable("DASKIFY_size"), "unknown environment variable 'DASKIFY_size': did you mean 'DASKIFY_SIZE'?");
  EXPECT_EQ(variable("DASKIFY_XYLOPHONE"),
            "unknown environment variable 'DASKIFY_XYLOPHONE': --daskify.help shows the names there are");
  EXPECT_EQ(variable("DASKIFY_"), "unknown environment variable 'DASKIFY_': --daskify.help shows the names there are");
}

TEST(loader, refuses_bad_values_in_the_environment) {
  EXPECT_EQ(refusal(error_code::bad_option_value, {"prog"}, {}, {{"DASKIFY_SIZE", "zero"}}),
            std::string{"cannot use 'zero' for 'size' (environment DASKIFY_SIZE): it is not a whole number"}.append(
                size_form));
  EXPECT_EQ(refusal(error_code::bad_option_value, {"prog"}, {}, {{"DASKIFY_LOG_DIRECTORY", ""}}),
            "cannot use '' for 'log_directory' (environment DASKIFY_LOG_DIRECTORY): it is empty; give a "
            "path, or auto");
}

TEST(loader, sees_the_environment_of_the_process) {
  ASSERT_EQ(::setenv("DASKIFY_TEST_LOADER", "a=b", 1), 0);
  ASSERT_EQ(::setenv("NOT_DASKIFY_TEST_LOADER", "x", 1), 0);
  auto variables = process_environment();
  ::unsetenv("DASKIFY_TEST_LOADER");
  ::unsetenv("NOT_DASKIFY_TEST_LOADER");
  EXPECT_EQ(variables.at("DASKIFY_TEST_LOADER"), "a=b");
  EXPECT_FALSE(variables.contains("NOT_DASKIFY_TEST_LOADER"));
  EXPECT_FALSE(process_environment().contains("DASKIFY_TEST_LOADER"));
}

// Code.

TEST(loader, reads_every_option_from_code) {
  options in_code{.mode = cluster_mode::slurm,
                  .size = 4,
                  .threads = 2,
                  .nodes = 2,
                  .worker_program = "w",
                  .load = words{"/lib/libmodel.so"},
                  .hosts = words{"n1"},
                  .queue = "long",
                  .account = "me",
                  .cores = 4,
                  .memory = 4'000'000'000,
                  .processes = 2,
                  .walltime = 2h,
                  .job_extra = words{"--exclusive", "-C x"},
                  .job_prologue = words{"module load gcc"},
                  .job_shape = daskify::job_shape::allocation,
                  .minimum = 1,
                  .maximum = 9,
                  .interface = "ib0",
                  .connection_directory = "/c",
                  .scheduler = "node7:4711",
                  .port = 4711,
                  .start_timeout = 5s,
                  .queue_timeout = 1h,
                  .accept_fewer = true,
                  .heartbeat_interval = 100ms,
                  .heartbeat_timeout = 1s,
                  .retries = 0,
                  .store_limit = 1 << 30,
                  .spill_directory = "/disk",
                  .session_directory = "/s",
                  .log_directory = "/l",
                  .progress = daskify::progress_style::bar,
                  .start_when = 1,
                  .pin = true,
                  .allow_ranks = true,
                  .short_options = false,
                  .max_lost = 8};
  auto all = load({"prog"}, in_code);
  EXPECT_EQ(all.max_lost, 8u);
  EXPECT_TRUE(all.pin);
  EXPECT_FALSE(all.short_options);
  EXPECT_EQ(all.mode, cluster_mode::slurm);
  EXPECT_EQ(all.size, 4u);
  EXPECT_EQ(all.heartbeat_interval, 100ms);
  EXPECT_EQ(all.retries, 0u);
  EXPECT_EQ(all.progress, daskify::progress_style::bar);
  EXPECT_EQ(all.job_extra, (words{"--exclusive", "-C x"}));
  EXPECT_TRUE(all.accept_fewer);
  for (const auto& option : option_table())
    EXPECT_EQ(all.origin(option.name), "code") << option.name;
}

TEST(loader, refuses_bad_values_in_code) {
  auto code = [](const options& in_code) { return refusal(error_code::bad_option_value, {"prog"}, in_code); };
  EXPECT_EQ(code({.size = 0}), std::string{"cannot use '0' for 'size' (code): it is less than 1"}.append(size_form));
  EXPECT_EQ(code({.size = -1}), std::string{"cannot use '-1' for 'size' (code): it is negative"}.append(size_form));
  EXPECT_NE(code({.retries = -1}).find("'retries' (code): it is negative"), std::string::npos);
  EXPECT_NE(code({.start_timeout = 0s}).find("'start_timeout' (code): it is less than 1ms"), std::string::npos);
  EXPECT_NE(code({.log_directory = ""}).find("'log_directory' (code): it is empty"), std::string::npos);
  EXPECT_NE(code({.mode = static_cast<cluster_mode>(9)}).find("'mode' (code)"), std::string::npos);
}

TEST(loader, checks_values_of_several_sources_together) {
  EXPECT_EQ(refusal(error_code::bad_option_value, {"prog", "--daskify.heartbeat_interval=20s"}, {},
                    {{"DASKIFY_HEARTBEAT_TIMEOUT", "25s"}}),
            "heartbeat_timeout 25s (environment DASKIFY_HEARTBEAT_TIMEOUT) must be more than twice "
            "heartbeat_interval 20s (command line): raise the first or lower the second");
}

// Config file.

TEST_F(loader_with_file, reads_keys_comments_and_the_section_header) {
  auto all = load_text("# first\n\n  [daskify]  # ours\r\n\tsize=4\nthreads =  2 # two\n"
                       "log-directory = /my logs/x=y\n   # indented\nmode = test");
  EXPECT_EQ(all.size, 4u);
  EXPECT_EQ(all.threads, 2u);
  EXPECT_EQ(all.log_directory, "/my logs/x=y");
  EXPECT_EQ(all.mode, cluster_mode::test);
  EXPECT_EQ(all.origin("threads"), path.string() + ":5");
  EXPECT_EQ(all.origin("mode"), path.string() + ":8");
}

TEST_F(loader_with_file, reads_an_empty_file) {
  EXPECT_EQ(describe_settings(load_text("")), describe_settings({}));
}

TEST_F(loader_with_file, shipped_example_is_valid_with_every_option_taken_in) {
  auto text = example_config(cluster_mode::local);
  for (const auto& option : option_table()) {
    auto line = "\n#" + std::string{option.name} + " = ";
    auto at = text.find(line);
    ASSERT_NE(at, text.npos) << option.name;
    text.erase(at + 1, 1);
  }
  auto all = load_text(text);
  EXPECT_EQ(all.origins.size(), option_table().size());
  all.origins.clear();
  EXPECT_EQ(describe_settings(all), describe_settings({}));
}

TEST_F(loader_with_file, shipped_example_for_slurm_sets_what_holds_without_it) {
  auto all = load_text(example_config(cluster_mode::slurm));
  EXPECT_EQ(all.mode, cluster_mode::slurm);
  settings without;
  without.mode = cluster_mode::slurm;
  EXPECT_EQ(all.fleet_size(), without.fleet_size());
  EXPECT_EQ(all.job_memory(), without.job_memory());
  EXPECT_EQ(all.partition(), without.partition());
  EXPECT_EQ(all.walltime, without.walltime);
}

TEST_F(loader_with_file, takes_a_list_line_by_line_from_a_file_and_the_command_line_in_place_of_it) {
  write("job_extra = --gres=gpu:1\njob_extra = --constraint=\"a|b\"\njob_prologue = module load gcc\n");
  auto all = load({"prog", "--config=" + path.string()});
  EXPECT_EQ(all.job_extra, (std::vector<std::string>{"--gres=gpu:1", "--constraint=\"a|b\""}));
  EXPECT_EQ(all.job_prologue, std::vector<std::string>{"module load gcc"});
  all = load({"prog", "--config=" + path.string(), "--daskify.job_extra=-C x", "--daskify.job_extra=-C y"});
  EXPECT_EQ(all.job_extra, (std::vector<std::string>{"-C x", "-C y"}));
  all = load({"prog", "--config=" + path.string(), "--daskify.job_extra=none"});
  EXPECT_EQ(all.job_extra, std::vector<std::string>{});
}

TEST_F(loader_with_file, description_can_be_used_as_a_config_file) {
  auto all = load({"prog", "--daskify.size=7", "--daskify.log_directory=/my logs", "--mode=slurm"});
  auto again = load_text(describe_settings(all));
  EXPECT_EQ(again.size, 7u);
  EXPECT_EQ(again.log_directory, "/my logs");
  EXPECT_EQ(again.mode, cluster_mode::slurm);
}

TEST_F(loader_with_file, refuses_what_is_no_setting) {
  EXPECT_EQ(file_refusal(error_code::unreadable_config, "size = 4\nthreads 2\n"),
            ":2: there is no '=' in 'threads 2': write NAME = VALUE");
  EXPECT_EQ(file_refusal(error_code::unknown_option, "\n\nsizee = 4\n"),
            ":3: unknown key 'sizee': did you mean 'size'?");
  EXPECT_EQ(file_refusal(error_code::unknown_option, "xylophone = 4\n"),
            ":1: unknown key 'xylophone': --daskify.help shows the names there are");
  EXPECT_EQ(file_refusal(error_code::unknown_option, "= 4\n"),
            ":1: unknown key '': --daskify.help shows the names there are");
  EXPECT_EQ(file_refusal(error_code::unknown_option, "daskify.size = 4\n"),
            ":1: unknown key 'daskify.size': did you mean 'size'?");
  EXPECT_EQ(file_refusal(error_code::unknown_option, "config = other.conf\n").find(":1: unknown key 'config'"), 0u);
  EXPECT_EQ(file_refusal(error_code::unreadable_config, "[other]\nsize = 4\n"),
            ":1: unknown section '[other]': the only one is [daskify], and it may be left out");
  EXPECT_EQ(file_refusal(error_code::unreadable_config, "size = 4\n[daskify\n"),
            ":2: unknown section '[daskify': the only one is [daskify], and it may be left out");
}

TEST_F(loader_with_file, refuses_a_key_that_comes_twice) {
  EXPECT_EQ(file_refusal(error_code::unreadable_config, "start_timeout = 4\n\nstart-timeout = 4\n"),
            ":3: 'start_timeout' was already set on line 1: keep one of the two");
}

TEST_F(loader_with_file, refuses_bad_values) {
  EXPECT_EQ(file_refusal(error_code::bad_option_value, "# x\nsize = 0\n"),
            std::string{"cannot use '0' for 'size' (:2): it is less than 1"}.append(size_form));
  EXPECT_EQ(file_refusal(error_code::bad_option_value, "log_directory =\n"),
            "cannot use '' for 'log_directory' (:1): it is empty; give a path, or auto");
  EXPECT_EQ(file_refusal(error_code::bad_option_value, "size = # four\n"),
            std::string{"cannot use '' for 'size' (:1): it is not a whole number"}.append(size_form));
  EXPECT_EQ(file_refusal(error_code::bad_option_value, "size = 4 5\n"),
            std::string{"cannot use '4 5' for 'size' (:1): it is not a whole number"}.append(size_form));
  EXPECT_EQ(file_refusal(error_code::bad_option_value, std::string{"log_directory = /a\0b\n", 21}),
            R"(cannot use '/a\x00b' for 'log_directory' (:1): it holds a control character; give a path, or auto)");
}

TEST_F(loader_with_file, refuses_a_comment_sign_that_would_cut_a_value_short) {
  EXPECT_EQ(file_refusal(error_code::unreadable_config, "log_directory = /runs/nr#3\n"),
            ":1: a '#' inside a value would cut it short: put a blank before a comment, and use no '#' in a value");
}

TEST_F(loader_with_file, refuses_a_bad_value_even_when_a_stronger_source_sets_the_option) {
  write("size = 0\n");
  EXPECT_NE(refusal(error_code::bad_option_value, {"prog", "--config", path, "--daskify.size=4"}).find("'0'"),
            std::string::npos);
}

TEST_F(loader_with_file, refuses_a_file_it_cannot_read) {
  constexpr std::string_view advice = ": name a text file with lines NAME = VALUE";
  constexpr std::string_view way_out =
      "; where --config is an option of the program itself, set options::short_options = false in its code, or "
      "DASKIFY_SHORT_OPTIONS=no: then daskify takes only --daskify.config";
  auto file = [&](const std::string& name) {
    return refusal(error_code::unreadable_config, {"prog", "--config=" + name});
  };
  auto missing = folder / "missing.conf";
  EXPECT_EQ(file(missing), ("config file '" + missing.string() +
                            "' (--config) cannot be read because of this error: No such file or directory")
                               .append(advice)
                               .append(way_out));
  EXPECT_EQ(file(folder), ("config file '" + folder.string() + "' (--config) cannot be read because it is a folder")
                              .append(advice)
                              .append(way_out));
  auto loop = folder / "loop.conf";
  std::filesystem::create_symlink(loop, loop);
  EXPECT_NE(file(loop).find("symbolic links"), std::string::npos);
  EXPECT_EQ(refusal(error_code::unreadable_config, {"prog"}, {}, {{"DASKIFY_CONFIG", ""}}),
            std::string{"config file '' (environment DASKIFY_CONFIG) cannot be read because its name is empty"}.append(
                advice));
  EXPECT_NE(refusal(error_code::unreadable_config, {"prog"}, {.config = missing}).find("(code)"), std::string::npos);
}

TEST_F(loader_with_file, refuses_a_file_without_end) {
  EXPECT_NE(refusal(error_code::unreadable_config, {"prog", "--config=/dev/zero"}).find("larger than 1 MiB"),
            std::string::npos);
  EXPECT_EQ(load_text(std::string(1 << 20, '#')).size, std::nullopt);
  EXPECT_NE(file_refusal(error_code::unreadable_config, std::string((1 << 20) + 1, '#')).find("larger than 1 MiB"),
            std::string::npos);
}

TEST_F(loader_with_file, later_sources_win_in_the_documented_order) {
  write("size = 1\n");
  environment variables{{"DASKIFY_CONFIG", path}};
  auto from = [](const settings& all) { return all.origin("size") + " " + std::to_string(all.size.value_or(0)); };
  EXPECT_EQ(from(load({"prog"})), "default 0");
  EXPECT_EQ(from(load({"prog"}, {}, variables)), path.string() + ":1 1");
  variables["DASKIFY_SIZE"] = "2";
  EXPECT_EQ(from(load({"prog"}, {}, variables)), "environment DASKIFY_SIZE 2");
  EXPECT_EQ(from(load({"prog"}, {.size = 3}, variables)), "code 3");
  EXPECT_EQ(from(load({"prog", "--daskify.size=4"}, {.size = 3}, variables)), "command line 4");
}

TEST_F(loader_with_file, the_config_file_itself_is_chosen_in_the_documented_order) {
  auto file = [&](const std::string& name, int retries) {
    auto full = (folder / name).string();
    std::ofstream{full} << "retries = " << retries << "\n";
    return full;
  };
  environment variables{{"DASKIFY_CONFIG", file("environment", 11)}};
  options in_code{.config = file("code", 12)};
  auto command = file("command", 13);
  EXPECT_EQ(load({"prog"}, {}, variables).retries, 11u);
  EXPECT_EQ(load({"prog"}, in_code, variables).retries, 12u);
  EXPECT_EQ(load({"prog", "--config", command}, in_code, variables).retries, 13u);
  EXPECT_EQ(load({"prog", "--daskify.config", command}, in_code, variables).retries, 13u);
}

// Options of the program's own.

namespace {

std::string way_out_of(const std::string& name) {
  return "; where --" + name +
         " is an option of the program itself, set options::short_options = false in its code, or "
         "DASKIFY_SHORT_OPTIONS=no: then daskify takes only --daskify." +
         name;
}

} // namespace

TEST(short_options, are_left_to_a_program_that_says_so_in_code) {
  arguments given{"prog", "--config", "model.yaml", "--mode=fast", "--daskify.mode=test"};
  auto all = load_settings(given.argc, given.argv(), {.short_options = false}, {});
  EXPECT_EQ(all.mode, cluster_mode::test);
  EXPECT_EQ(given.left(), (words{"prog", "--config", "model.yaml", "--mode=fast"}));
}

TEST(short_options, are_left_to_the_program_where_the_environment_says_so) {
  arguments given{"prog", "--mode", "fast", "--config"};
  load_settings(given.argc, given.argv(), {}, {{"DASKIFY_SHORT_OPTIONS", "no"}});
  EXPECT_EQ(given.left(), (words{"prog", "--mode", "fast", "--config"}));
}

TEST(short_options, are_left_to_the_program_wherever_the_command_line_says_so) {
  arguments given{"prog", "--mode", "fast", "--daskify.short-options", "no"};
  load_settings(given.argc, given.argv(), {.short_options = true}, {{"DASKIFY_SHORT_OPTIONS", "yes"}});
  EXPECT_EQ(given.left(), (words{"prog", "--mode", "fast"}));
}

TEST(short_options, are_decided_by_the_stronger_source) {
  EXPECT_EQ(load({"prog", "--mode=test"}, {.short_options = true}, {{"DASKIFY_SHORT_OPTIONS", "no"}}).mode,
            cluster_mode::test);
  EXPECT_EQ(load({"prog", "--mode=test", "--daskify.short_options=yes"}, {.short_options = false}).mode,
            cluster_mode::test);
}

TEST(short_options, refuse_a_bad_value_of_their_own) {
  auto sentence = refusal(error_code::bad_option_value, {"prog"}, {}, {{"DASKIFY_SHORT_OPTIONS", "maybe"}});
  EXPECT_EQ(sentence.find("cannot use 'maybe' for 'short_options' (environment DASKIFY_SHORT_OPTIONS)"), 0u)
      << sentence;
}

TEST(short_options, an_unknown_mode_names_the_way_out) {
  auto sentence = refusal(error_code::bad_option_value, {"prog", "--mode", "fast"});
  EXPECT_EQ(sentence.find("cannot use 'fast' for 'mode' (command line)"), 0u) << sentence;
  EXPECT_TRUE(sentence.ends_with(way_out_of("mode"))) << sentence;
  EXPECT_TRUE(refusal(error_code::bad_option_value, {"prog", "--mode"}).ends_with(way_out_of("mode")));
  EXPECT_TRUE(refusal(error_code::bad_option_value, {"prog", "--mode="}).ends_with(way_out_of("mode")));
  EXPECT_TRUE(refusal(error_code::bad_option_value, {"prog", "--config"}).ends_with(way_out_of("config")));
  EXPECT_EQ(refusal(error_code::bad_option_value, {"prog", "--daskify.mode=fast"}).find("short_options"),
            std::string::npos)
      << "the full name is meant for daskify";
}

TEST_F(loader_with_file, refuses_a_file_of_the_programs_own_with_the_way_out) {
  auto refused = [&](error_code code, std::string_view text) {
    write(text);
    return refusal(code, {"prog", "--config", path});
  };
  for (auto text : {"mode: fast\nsteps: 3\n", "{\"mode\": \"fast\"}\n", "[model]\nsize = 4\n", "- 1\n- 2\n"}) {
    auto sentence = refused(error_code::unreadable_config, text);
    EXPECT_TRUE(sentence.ends_with(way_out_of("config"))) << sentence;
  }
  auto sentence = refused(error_code::unknown_option, "alpha = 0.5\nbeta = 2\n");
  EXPECT_EQ(sentence.find(path.string() + ":1: unknown key 'alpha'"), 0u) << sentence;
  EXPECT_TRUE(sentence.ends_with(way_out_of("config"))) << sentence;
  auto slip = refused(error_code::unknown_option, "sise = 3\n");
  EXPECT_NE(slip.find("did you mean 'size'? Where --config is an option of the program itself"), slip.npos) << slip;
  EXPECT_EQ(refused(error_code::unreadable_config, "# alpha = 0.5\n"),
            "config file '" + path.string() +
                "' (--config) has neither a section [daskify] nor a line NAME = VALUE of daskify's" +
                way_out_of("config"));
}

TEST_F(loader_with_file, says_what_is_wrong_with_a_file_of_daskifys_and_no_more) {
  auto refused = [&](error_code code, std::string_view text) {
    write(text);
    return refusal(code, {"prog", "--config", path});
  };
  EXPECT_EQ(refused(error_code::unknown_option, "[daskify]\nalpha = 0.5\n"),
            path.string() + ":2: unknown key 'alpha': --daskify.help shows the names there are");
  EXPECT_EQ(refused(error_code::unreadable_config, "\xef\xbb\xbfstart-timeout = 4\nalpha: 2\n"),
            path.string() + ":2: there is no '=' in 'alpha: 2': write NAME = VALUE");
}

TEST_F(loader_with_file, takes_a_file_of_daskifys_by_the_short_name) {
  for (auto text :
       {"size = 4\n", "[daskify]\n", "  [daskify] # mine\n#size = 4\n", "", " \n\n", "\xef\xbb\xbf[daskify]\n"}) {
    write(text);
    EXPECT_NO_THROW(load({"prog", "--config", path})) << text;
  }
}

TEST_F(loader_with_file, leaves_short_options_to_the_program_where_its_file_says_so) {
  write("short_options = no\nretries = 7\n");
  arguments given{"prog", "--mode=fast", "--config", "model.yaml"};
  auto all = load_settings(given.argc, given.argv(), {.config = path}, {});
  EXPECT_EQ(all.retries, 7u);
  EXPECT_EQ(given.left(), (words{"prog", "--mode=fast", "--config", "model.yaml"}));
  EXPECT_EQ(load({"prog", "--daskify.config", path, "--mode=fast"}).retries, 7u);
  EXPECT_EQ(refusal(error_code::bad_option_value, {"prog", "--config", path}),
            "short_options = no (" + path.string() +
                ":1) cannot be in a file that --config names, as then --config is no option of daskify: name the file "
                "by --daskify.config");
}

TEST_F(loader_with_file, a_bad_file_counts_for_nothing_where_another_one_is_named) {
  write("short_options = maybe\n");
  auto good = (folder / "good.conf").string();
  std::ofstream{good} << "size = 3\n";
  EXPECT_EQ(load({"prog", "--config", good}, {}, {{"DASKIFY_CONFIG", path}}).size, 3u);
  EXPECT_NE(
      refusal(error_code::bad_option_value, {"prog", "--mode=test"}, {}, {{"DASKIFY_CONFIG", path}}).find("maybe"),
      std::string::npos);
}
