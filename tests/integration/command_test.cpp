/// The command `daskify`, as users and scripts use it.

#include "support/child_program.hpp"
#include "support/cluster_of_two.hpp"
#include "support/environment_variable.hpp"
#include "support/json_check.hpp"
#include "support/program_with.hpp"
#include "support/run_program.hpp"
#include "support/slurm_cluster.hpp"

#include <daskify/transport/session_folder.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <sys/stat.h>

namespace {

using namespace std::chrono_literals;
using namespace daskify::test;
using daskify::range;
using daskify::internal::session_folder;
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;
namespace fs = std::filesystem;

constexpr auto this_program = DASKIFY_BIN_DIR "/integration-tests";

program_result daskify_command(const std::string& arguments) {
  return run_program("daskify", arguments);
}

void write(const fs::path& file, const std::string& text) {
  std::ofstream{file, std::ios::binary} << text;
}

/// Sets the time of all entries of a folder to long ago.
void make_old(const fs::path& folder) {
  auto then = fs::file_time_type::clock::now() - 24h * 30;
  for (const auto& entry : fs::recursive_directory_iterator{folder})
    fs::last_write_time(entry.path(), then);
  fs::last_write_time(folder, then);
}

/// A number in the output of status --json.
long number_in(const std::string& json, const std::string& name) {
  auto at = json.find('"' + name + "\": ");
  return at == json.npos ? -1 : std::atol(json.c_str() + at + name.size() + 4);
}

daskify::daskified client_of(const fs::path& home) {
  return program_with({.mode = daskify::cluster_mode::connect,
                       .connection_directory = (home / ".daskify/cluster").string(),
                       .progress = daskify::progress_style::off},
                      "a_client");
}

/// A separate home folder, whose cluster is ended by the destructor.
struct with_a_home {
  temporary_folder folder;
  environment_variable home{"HOME", folder.path().string()};
  environment_variable sessions{"DASKIFY_SESSION_DIRECTORY", (folder.path() / ".daskify").string()};

  fs::path path() const { return folder.path(); }
  fs::path cluster() const { return path() / ".daskify/cluster"; }
  fs::path logs() const { return path() / ".daskify/logs"; }

  /// The logs of the only cluster that was started.
  fs::path only_logs() const {
    auto all = entries(logs(), "");
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? fs::path{} : logs() / *all.begin();
  }

  int scheduler_pid() const { return static_cast<int>(number_in(daskify_command("status --json").output, "pid")); }

  ~with_a_home() {
    auto ended = daskify_command("down");
    EXPECT_EQ(ended.exit_code, 0) << ended.output;
    EXPECT_FALSE(fs::exists(cluster()));
  }
};

struct command : testing::Test {
  with_a_home home;
};

// -- a cluster on this machine ------------------------------------------------------------------------------

TEST_F(command, starts_a_cluster_that_programs_use_shows_it_and_ends_it) {
  auto up = daskify_command(std::string{"up --size 2 --program "} + this_program);
  ASSERT_EQ(up.exit_code, 0) << up.output;
  EXPECT_THAT(up.output, AllOf(HasSubstr("The cluster is up with 2 workers on this machine"),
                               HasSubstr(std::string{this_program} + " --mode connect"), HasSubstr("daskify down")));

  auto program = client_of(home.path());
  program.start_cluster();
  auto squares = program.map(square, range(100));
  EXPECT_EQ(program.gather_data(squares)[99], 9801);

  auto status = daskify_command("status");
  EXPECT_EQ(status.exit_code, 0) << status.output;
  EXPECT_THAT(status.output,
              AllOf(HasSubstr("with workers on this machine"), HasSubstr("Workers: 2 (2 idle)"),
                    HasSubstr("\n  worker-1 "), HasSubstr("  a_client (pid " + std::to_string(::getpid()) + " on "),
                    HasSubstr(": 1 run, 100 tasks: 100 finished\n"),
                    HasSubstr("Logs: " + home.only_logs().string() + "\n"), Not(HasSubstr("  daskify (pid"))));
  auto json = daskify_command("status --json").output;
  EXPECT_TRUE(json_check::is_json(json)) << json;
  EXPECT_THAT(json,
              AllOf(StartsWith("{\"running\": true, \"scheduler\": {\"address\": \"127.0.0.1:"),
                    HasSubstr("\"mode\": \"local\""), HasSubstr("\"name\": \"worker-0\""),
                    HasSubstr("\"state\": \"idle\""), HasSubstr("\"jobs\": null"), HasSubstr("\"finished\": 100")));
  std::vector<int> pids{static_cast<int>(number_in(json, "pid"))};
  for (const auto& w : program.workers())
    pids.push_back(w.pid);
  EXPECT_EQ(pids.size(), 3u);

  auto down = daskify_command("down");
  EXPECT_EQ(down.exit_code, 0) << down.output;
  for (auto pid : pids)
    EXPECT_FALSE(is_alive(pid)) << pid;
  EXPECT_FALSE(fs::exists(home.cluster()));
  EXPECT_THROW(program.gather_data(squares), daskify::cluster_error);
  EXPECT_EQ(entries(home.path() / ".daskify", ""), std::set<std::string>{"logs"});
}

TEST_F(command, starts_a_scheduler_that_has_nothing_of_the_terminal) {
  auto up = daskify_command("up --size 1");
  ASSERT_EQ(up.exit_code, 0) << up.output;
  EXPECT_THAT(up.output, HasSubstr("Its workers know no functions"));
  auto pid = home.scheduler_pid();
  EXPECT_EQ(::getsid(pid), pid);
  std::set<std::string> files;
  for (auto number : {"0", "1", "2"})
    files.insert(fs::read_symlink("/proc/" + std::to_string(pid) + "/fd/" + number));
  EXPECT_EQ(files, (std::set<std::string>{"/dev/null", home.only_logs() / "scheduler.log"}));
}

TEST_F(command, shows_what_is_under_way_and_what_has_failed) {
  ASSERT_EQ(daskify_command(std::string{"up --size 1 --program "} + this_program).exit_code, 0);
  auto program = client_of(home.path());
  program.start_cluster();
  auto failing = program.map(odd_only, range(10));
  program.monitor_progress(failing);
  auto endless = program.map(
      [](int) {
        while (!daskify::this_task::stop_requested())
          std::this_thread::sleep_for(1ms);
        return 0;
      },
      range(3));
  ASSERT_TRUE(eventually([&] { return program.check_progress(endless, std::clog).running == 1; }));
  auto status = daskify_command("status").output;
  EXPECT_THAT(status, AllOf(HasSubstr("Workers: 1 (1 busy)"),
                            HasSubstr("2 runs, 13 tasks: 1 running, 2 pending, 5 "
                                      "finished, 5 error"),
                            HasSubstr("3 tasks: 1 running, 2 pending\n")));
  auto json = daskify_command("status --json").output;
  EXPECT_TRUE(json_check::is_json(json)) << json;
  EXPECT_THAT(json, HasSubstr("\"open_runs\": [{\"run\": 2, "));
  endless.cancel();
}

TEST_F(command, lets_other_workers_join) {
  ASSERT_EQ(daskify_command("up --size 1").exit_code, 0);
  child_program guests{"daskify-worker", {"--program", this_program, "--daskify.size", "2"}};
  ASSERT_TRUE(guests.says("has joined")) << guests.output();
  auto program = client_of(home.path());
  program.start_cluster();
  auto workers = program.workers();
  ASSERT_EQ(workers.size(), 3u);
  std::set<std::string> names;
  for (const auto& w : workers)
    names.insert(w.name);
  EXPECT_EQ(names.size(), 3u) << "no slot is given twice";
  guests.signal(SIGTERM);
  EXPECT_EQ(guests.wait(), 0) << guests.output();
  EXPECT_TRUE(eventually([&] { return program.workers().size() == 1; }));
  child_program others{"daskify-worker", {"--daskify.size", "1"}};
  ASSERT_TRUE(others.says("has joined")) << others.output();
  EXPECT_EQ(daskify_command("down").exit_code, 0);
  EXPECT_EQ(others.wait(), 0) << "guests end with the cluster: " << others.output();
}

TEST_F(command, replaces_a_worker_that_dies) {
  ASSERT_EQ(daskify_command("up --size 1").exit_code, 0);
  auto worker = [] {
    auto json = daskify_command("status --json").output;
    auto at = json.find("\"workers\"");
    return number_in(json.substr(std::min(at, json.size())), "pid");
  };
  auto first = worker();
  ASSERT_GT(first, 0);
  ::kill(static_cast<pid_t>(first), SIGKILL);
  EXPECT_TRUE(eventually([&] {
    auto now = worker();
    return now > 0 && now != first;
  }));
}

TEST_F(command, starts_no_second_cluster_beside_the_first) {
  ASSERT_EQ(daskify_command("up --size 1").exit_code, 0);
  auto second = daskify_command("up --size 1");
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.output, HasSubstr("A cluster is running already"));
  EXPECT_EQ(daskify_command("status").exit_code, 0);
}

TEST_F(command, starts_a_scheduler_alone_in_mode_connect) {
  auto up = daskify_command("up --mode connect");
  ASSERT_EQ(up.exit_code, 0) << up.output;
  EXPECT_THAT(daskify_command("status").output,
              AllOf(HasSubstr("its workers join by themselves"), HasSubstr("Workers: none")));
}

TEST_F(command, is_told_by_a_file_of_settings_where_the_cluster_is) {
  auto file = home.path() / "cluster.conf";
  write(file, "[daskify]\nsize = 1\nconnection_directory = " + (home.path() / "elsewhere").string() + "\n");
  auto with_file = " --config " + file.string();
  auto up = daskify_command("up" + with_file);
  ASSERT_EQ(up.exit_code, 0) << up.output;
  EXPECT_THAT(up.output, AllOf(HasSubstr("daskify status" + with_file), HasSubstr(with_file + " --mode connect")));
  EXPECT_EQ(daskify_command("status").exit_code, 3);
  EXPECT_EQ(daskify_command("status" + with_file).exit_code, 0);
  EXPECT_EQ(daskify_command("down" + with_file).exit_code, 0);
  EXPECT_EQ(daskify_command("status" + with_file).exit_code, 3);
}

TEST_F(command, ends_a_cluster_of_which_it_has_address_and_secret_alone) {
  ASSERT_EQ(daskify_command("up --size 1").exit_code, 0);
  auto pid = home.scheduler_pid();
  auto where = session_folder::open(home.cluster()).read_connection();
  temporary_folder elsewhere;
  environment_variable other_home{"HOME", elsewhere.path()};
  environment_variable secret{"DASKIFY_SECRET", where.secret};
  auto by_address = " --scheduler " + to_text(where.addresses.at(0));
  EXPECT_EQ(daskify_command("status" + by_address).exit_code, 0);
  auto down = daskify_command("down" + by_address);
  EXPECT_EQ(down.exit_code, 0) << down.output;
  EXPECT_TRUE(eventually([&] { return !is_alive(pid); }));
  environment_variable guessed{"DASKIFY_SECRET", std::string(64, 'a')};
  EXPECT_EQ(daskify_command("status" + by_address).exit_code, 1);
}

TEST_F(command, says_nothing_of_a_cluster_to_who_does_not_know_the_secret) {
  ASSERT_EQ(daskify_command("up --size 1").exit_code, 0);
  auto where = session_folder::open(home.cluster()).read_connection();
  environment_variable guessed{"DASKIFY_SECRET", std::string(64, 'a')};
  auto by_address = " --scheduler " + to_text(where.addresses.at(0));
  auto status = daskify_command("status" + by_address);
  EXPECT_EQ(status.exit_code, 1);
  EXPECT_THAT(status.output, HasSubstr("does not know the secret"));
  EXPECT_EQ(daskify_command("down" + by_address).exit_code, 1);
  ::unsetenv("DASKIFY_SECRET");
  EXPECT_EQ(daskify_command("status").exit_code, 0);
}

// -- errors ---------------------------------------------------------------------------------------------------

TEST_F(command, says_at_once_why_a_cluster_does_not_start) {
  auto before = std::chrono::steady_clock::now();
  auto up = daskify_command("up --size 1 --load ./nothing.so");
  EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
  EXPECT_EQ(up.exit_code, 1);
  EXPECT_THAT(up.output, AllOf(StartsWith("daskify up: The cluster could not be started: worker-0 "),
                               HasSubstr("./nothing.so"), HasSubstr("Its logs are in " + home.only_logs().string())));
  EXPECT_EQ(daskify_command("status").exit_code, 3);
}

TEST_F(command, ends_what_it_has_started_when_it_is_interrupted) {
  auto program = home.path() / "never_ready";
  write(program, "#!/bin/sh\nexec sleep 1000\n");
  ::chmod(program.c_str(), 0700);
  child_program up{"daskify", {"up", "--size", "1", "--program", program}};
  auto worker_log = [&] {
    auto all = entries(home.logs(), "");
    return all.size() == 1 && fs::exists(home.logs() / *all.begin() / "worker-0.log");
  };
  ASSERT_TRUE(eventually(worker_log)) << up.output();
  up.signal(SIGINT);
  EXPECT_EQ(up.wait(), 1) << up.output();
  EXPECT_THAT(up.output(), HasSubstr("interrupted"));
  EXPECT_FALSE(fs::exists(home.cluster()));
}

TEST_F(command, names_file_and_line_of_a_slip_in_the_settings) {
  auto file = home.path() / "cluster.conf";
  write(file, "[daskify]\nsize = 1\nquee = main\n");
  for (auto subcommand : {"up", "status", "config", "script", "down", "clean", "logs"}) {
    auto result = daskify_command(std::string{subcommand} + " --config " + file.string());
    EXPECT_EQ(result.exit_code, 1) << subcommand;
    EXPECT_EQ(result.output, "daskify " + std::string{subcommand} + ": " + file.string() +
                                 ":3: unknown key 'quee': did you mean 'queue'?\n");
  }
}

TEST_F(command, guesses_what_was_meant) {
  EXPECT_EQ(daskify_command("stauts").output, "daskify stauts: unknown subcommand 'stauts': did you mean 'status'?\n");
  EXPECT_EQ(daskify_command("up --sise 3").output, "daskify up: unknown option '--sise': did you mean '--size'?\n");
  EXPECT_EQ(daskify_command("clean --dryrun").output,
            "daskify clean: unknown option '--dryrun': did you mean '--dry-run'?\n");
  for (auto arguments : {"", "stauts", "status here", "logs a b", "clean --older-than 7x", "logs --lines -1"}) {
    auto result = daskify_command(arguments);
    EXPECT_EQ(result.exit_code, 1) << arguments;
    EXPECT_THAT(result.output, MatchesRegex("daskify[^\n]*: [^\n]+\n")) << "one sentence";
  }
}

TEST_F(command, tells_by_its_exit_code_whether_there_is_a_cluster) {
  auto none = daskify_command("status");
  EXPECT_EQ(none.exit_code, 3);
  EXPECT_THAT(none.output, HasSubstr("There is no cluster"));
  auto json = daskify_command("status --json");
  EXPECT_EQ(json.exit_code, 3);
  EXPECT_TRUE(json_check::is_json(json.output)) << json.output;
  EXPECT_THAT(json.output, StartsWith("{\"running\": false, "));
  EXPECT_EQ(daskify_command("logs").exit_code, 3);
  EXPECT_EQ(daskify_command("down").exit_code, 0) << "there is nothing to do";

  ASSERT_EQ(daskify_command("up --size 1").exit_code, 0);
  auto pid = home.scheduler_pid();
  ::kill(pid, SIGKILL);
  ASSERT_TRUE(eventually([&] { return !is_alive(pid); }));
  auto dead = daskify_command("status");
  EXPECT_EQ(dead.exit_code, 3);
  EXPECT_THAT(dead.output, HasSubstr("has ended"));
  EXPECT_THAT(daskify_command("logs").output, HasSubstr("  scheduler ")) << "they tell why";
  EXPECT_EQ(daskify_command("clean").exit_code, 0);
  EXPECT_FALSE(fs::exists(home.cluster()));

  fs::create_directories(home.cluster());
  ::chmod(home.cluster().c_str(), 0700);
  write(home.cluster() / "scheduler", "nonsense");
  ::chmod((home.cluster() / "scheduler").c_str(), 0600);
  auto damaged = daskify_command("status");
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_THAT(damaged.output, HasSubstr("damaged"));
  fs::remove_all(home.cluster());
}

// -- output ---------------------------------------------------------------------------------------------------

TEST_F(command, helps) {
  auto all = daskify_command("--help");
  EXPECT_EQ(all.exit_code, 0);
  for (std::string subcommand : {"up", "status", "logs", "down", "script", "config", "clean"}) {
    EXPECT_THAT(all.output, HasSubstr("\n  " + subcommand + " "));
    auto help = daskify_command(subcommand + " --help");
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.output, AllOf(StartsWith("Usage: daskify " + subcommand + " "), HasSubstr("Examples:\n  "),
                                   HasSubstr("--help ")));
    std::istringstream lines{all.output + help.output};
    for (std::string line; std::getline(lines, line);)
      EXPECT_LE(line.size(), 80u) << line;
  }
  EXPECT_THAT(daskify_command("--version").output, MatchesRegex("daskify [0-9.]+\n"));
}

TEST_F(command, shows_settings_and_where_they_come_from) {
  auto file = home.path() / "cluster.conf";
  write(file, "[daskify]\nload = a.so\nload = \"b\"\n");
  environment_variable queue{"DASKIFY_QUEUE", "gpu"};
  auto given = " --size 3 --config " + file.string();
  auto text = daskify_command("config" + given).output;
  EXPECT_THAT(text, AllOf(HasSubstr("size = 3                                  # command line\n"),
                          HasSubstr("queue = gpu                               # environment DASKIFY_QUEUE\n"),
                          HasSubstr("load = a.so                               # " + file.string() + ":2"),
                          HasSubstr("threads = 1                               # default\n")));
  auto json = daskify_command("config --json" + given).output;
  EXPECT_TRUE(json_check::is_json(json)) << json;
  EXPECT_THAT(json, AllOf(HasSubstr("\"size\": {\"value\": \"3\", \"origin\": \"command line\"}"),
                          HasSubstr("\"load\": {\"value\": [\"a.so\", \"\\\"b\\\"\"], ")));
}

TEST_F(command, lists_logs_and_shows_them_so_that_they_do_no_harm) {
  auto folder = home.path() / "logs here";
  fs::create_directories(folder);
  std::string text;
  for (int i = 0; i < 30; ++i)
    text += "line " + std::to_string(i) + "\n";
  write(folder / "worker-2.log", text);
  write(folder / "worker-10.log", "bell \a and \x1b[2J escape\n");
  write(folder / "job-7_1.log", "of a job\n");
  write(folder / "notes.txt", "");
  auto there = std::string{" --log_directory '"} + folder.string() + "'";
  auto listed = daskify_command("logs" + there).output;
  EXPECT_THAT(listed, MatchesRegex("[^\n]*/logs here\n  job-7_1 [^\n]*\n  worker-2 [^\n]*ago\n  worker-10 [^\n]*\n"));
  EXPECT_THAT(daskify_command("logs worker-2" + there).output, AllOf(StartsWith("line 10\n"), HasSubstr("line 29\n")));
  EXPECT_EQ(daskify_command("logs worker-2 --lines 2" + there).output, "line 28\nline 29\n");
  EXPECT_EQ(daskify_command("logs worker-10.log" + there).output, "bell ? and ?[2J escape\n");
  EXPECT_EQ(daskify_command("logs 7_1" + there).output, "of a job\n");
  auto misspelt = daskify_command("logs worker2" + there);
  EXPECT_EQ(misspelt.exit_code, 1);
  EXPECT_THAT(misspelt.output, HasSubstr("did you mean 'worker-2'?"));
  EXPECT_EQ(daskify_command("logs ../x" + there).exit_code, 1);
}

TEST_F(command, shows_the_logs_of_the_last_cluster_where_none_runs_or_of_the_one_named) {
  auto base = home.path() / "many";
  for (auto day : {"20260101", "20260102"}) {
    fs::create_directories(base / (day + std::string{"-000000-1"}));
    write(base / (day + std::string{"-000000-1"}) / "worker-0.log", day + std::string{"\n"});
  }
  auto file = home.path() / "cluster.conf";
  write(file, "[daskify]\nlog_directory = " + base.string() + "\n");
  EXPECT_EQ(daskify_command("logs worker-0 --config " + file.string()).output, "20260102\n");
  EXPECT_EQ(daskify_command("logs worker-0 --log_directory " + base.string()).output, "20260102\n");
  fs::create_directory_symlink(base, home.path() / "logs");
  EXPECT_EQ(daskify_command("logs worker-0 --session_directory " + home.path().string()).output, "20260102\n");
  auto first = (base / "20260101-000000-1").string();
  EXPECT_EQ(daskify_command("logs worker-0 --log_directory " + first).output, "20260101\n");

  ASSERT_EQ(daskify_command("up --size 1 --config " + file.string()).exit_code, 0);
  EXPECT_EQ(entries(base, "").size(), 3u);
  EXPECT_THAT(daskify_command("logs --config " + file.string()).output, HasSubstr("\n  scheduler "));
  EXPECT_EQ(daskify_command("logs worker-0 --log_directory " + first).output, "20260101\n");

  auto pid = home.scheduler_pid();
  ::kill(pid, SIGSTOP);
  EXPECT_THAT(daskify_command("logs --config " + file.string()).output,
              AllOf(StartsWith("The cluster cannot be asked for its logs"), HasSubstr("says nothing for 5 s"),
                    HasSubstr("\n  scheduler ")));
  auto down = daskify_command("down");
  EXPECT_EQ(down.exit_code, 0) << down.output;
  EXPECT_FALSE(is_alive(pid)) << "it was woken up to end";
}

TEST_F(command, follows_a_log) {
  auto folder = home.path() / "logs";
  fs::create_directories(folder);
  write(folder / "worker-0.log", "first\n");
  child_program follower{"daskify", {"logs", "worker-0", "--follow", "--log_directory", folder}};
  ASSERT_TRUE(follower.says("first\n"));
  std::ofstream{folder / "worker-0.log", std::ios::app} << "second\nbegun";
  EXPECT_TRUE(follower.says("second\n"));
  std::ofstream{folder / "worker-0.log", std::ios::app} << ", ended\n";
  EXPECT_TRUE(follower.says("begun, ended\n"));
  EXPECT_EQ(follower.output(), "first\nsecond\nbegun, ended\n");
}

TEST_F(command, says_what_it_cannot_look_into) {
  auto file = home.path() / "a file";
  write(file, "");
  auto named = [&](const std::string& option) { return option + " '" + file.string() + "'"; };
  for (const auto& arguments : {"status" + named(" --connection_directory"), "down" + named(" --connection_directory"),
                                "logs" + named(" --log_directory"), "clean" + named(" --log_directory"),
                                "clean" + named(" --session_directory")}) {
    auto result = daskify_command(arguments);
    EXPECT_EQ(result.exit_code, 1) << arguments;
    EXPECT_THAT(result.output, AllOf(HasSubstr("a file'"), HasSubstr("Not a directory"))) << arguments;
  }
}

TEST_F(command, cleans_without_a_home_what_is_named) {
  auto logs = home.path() / "logs" / "20240501-100000-1";
  fs::create_directories(logs);
  make_old(logs);
  auto cleaned = run_command_line("env -u HOME '" DASKIFY_BIN_DIR "/daskify' clean --log_directory " +
                                  logs.parent_path().string() + " --connection_directory " + home.path().string());
  EXPECT_EQ(cleaned.exit_code, 0) << cleaned.output;
  EXPECT_FALSE(fs::exists(logs));
}

// -- leftovers -------------------------------------------------------------------------------------------------

/// A session folder, as a session of this user leaves it.
fs::path make_session(const fs::path& base, const daskify::internal::process_identity& owner) {
  auto folder = session_folder::create(base);
  folder.publish({"id", {{"127.0.0.1", 1}}, std::string(64, '0'), owner, "build"});
  return folder.path();
}

TEST_F(command, removes_what_the_dead_have_left_and_nothing_of_the_living) {
  auto base = home.path() / ".daskify";
  ASSERT_EQ(daskify_command("up --size 1").exit_code, 0);
  auto logs_of_living = home.only_logs();
  make_old(logs_of_living);

  auto living = make_session(base, daskify::internal::this_process());
  auto gone = daskify::internal::this_process();
  gone.start_time += 1; // the pid is another process's by now
  auto dead = make_session(base, gone);
  auto elsewhere = daskify::internal::this_process();
  elsewhere.boot_id = "of-another-machine";
  elsewhere.host = "another-machine";
  auto young = make_session(base, elsewhere);
  auto old = make_session(base, elsewhere);
  make_old(old);
  for (auto name : {"20200101-000000-1", "20260101-000000-2"}) {
    fs::create_directories(home.logs() / name);
    write(home.logs() / name / "worker-0.log", "x");
  }
  make_old(home.logs() / "20200101-000000-1");

  auto would = daskify_command("clean --dry-run").output;
  EXPECT_THAT(would, AllOf(HasSubstr("would remove session " + dead.string()), HasSubstr("20200101-000000-1 (older")));
  EXPECT_TRUE(fs::exists(dead));
  auto done = daskify_command("clean");
  EXPECT_EQ(done.exit_code, 0);
  EXPECT_THAT(done.output,
              AllOf(HasSubstr("removed session " + dead.string() + " (its program has ended)\n"),
                    HasSubstr("removed session " + old.string() + " (of another machine, older than 7d)\n"),
                    HasSubstr("removed logs " + (home.logs() / "20200101-000000-1").string() + " (older")));
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_FALSE(fs::exists(old));
  EXPECT_FALSE(fs::exists(home.logs() / "20200101-000000-1"));
  EXPECT_TRUE(fs::exists(living));
  EXPECT_TRUE(fs::exists(young));
  EXPECT_TRUE(fs::exists(home.logs() / "20260101-000000-2"));
  EXPECT_TRUE(fs::exists(logs_of_living)) << "its scheduler lives";
  EXPECT_EQ(daskify_command("status").exit_code, 0);
  EXPECT_EQ(daskify_command("clean").output, "There is nothing to remove.\n");
  EXPECT_EQ(daskify_command("down").exit_code, 0);
  make_old(logs_of_living);
  EXPECT_EQ(daskify_command("clean").output, "removed logs " + logs_of_living.string() + " (older than 7d)\n");

  auto elsewhere_too = home.path() / "my_logs";
  for (auto name : {"20200101-000000-1", "thesis"})
    fs::create_directories(elsewhere_too / name);
  make_old(elsewhere_too);
  EXPECT_EQ(daskify_command("clean --log_directory " + elsewhere_too.string()).output,
            "removed logs " + (elsewhere_too / "20200101-000000-1").string() + " (older than 7d)\n");
  EXPECT_TRUE(fs::exists(elsewhere_too / "thesis")) << "no cluster has made it";
}

TEST_F(command, is_not_kept_from_a_new_cluster_by_one_of_before_the_machine_was_started_again) {
  auto path = home.path() / ".daskify" / "cluster";
  auto leave_behind = [&] {
    auto earlier = daskify::internal::this_process();
    earlier.boot_id = "of-yesterday";
    session_folder::claim(path).publish({"id", {{"127.0.0.1", 1}}, std::string(64, '0'), earlier, "build"});
  };
  leave_behind();
  auto status = daskify_command("status");
  EXPECT_EQ(status.exit_code, 3);
  EXPECT_THAT(status.output, HasSubstr("has ended, because this machine was rebooted since."));
  EXPECT_EQ(daskify_command("down").exit_code, 0);
  EXPECT_EQ(daskify_command("clean").output, "removed cluster " + path.string() + " (its scheduler has ended)\n");
  leave_behind();
  EXPECT_EQ(daskify_command("up --size 1").exit_code, 0);
  EXPECT_EQ(daskify_command("status").exit_code, 0);
  EXPECT_EQ(daskify_command("down").exit_code, 0);
}

// -- SLURM -------------------------------------------------------------------------------------------------------

TEST_F(command, says_that_slurm_is_not_there) {
  environment_variable path{"PATH", home.path()};
  for (auto arguments : {"up --mode slurm", "script --dry-run", "up --mode test --dry-run"}) {
    auto result = daskify_command(arguments);
    EXPECT_EQ(result.exit_code, 1) << arguments;
    EXPECT_THAT(result.output, HasSubstr("sbatch")) << arguments;
  }
  EXPECT_EQ(daskify_command("status").exit_code, 3);
}

TEST_F(command, shows_the_script_of_the_jobs) {
  auto script = daskify_command("script --mode test --queue gpu --walltime 90m --job_extra=--gres=gpu:1 "
                                "--program /opt/my_program --spill_directory none")
                    .output;
  EXPECT_EQ(script, text_of(fs::path{DASKIFY_SOURCE_DIR} / "tests/golden/command/script.sh"));
  EXPECT_THAT(daskify_command("script").output, AllOf(Not(HasSubstr("--partition")), Not(HasSubstr("--mem"))));
  EXPECT_THAT(daskify_command("script --minimum 1 --maximum 10").output, HasSubstr("#SBATCH --array=0-9\n"));
}

struct command_on_slurm : slurm_test {
  std::unique_ptr<with_a_home> home = std::make_unique<with_a_home>();
  std::string settings = " --mode slurm --size 2 --queue main --memory 256MiB";

  std::string squeue() const { return output_of("squeue -h -r -o '%i %T'"); }

  void TearDown() override {
    home.reset();
    EXPECT_TRUE(eventually([&] { return squeue().empty(); })) << squeue();
  }
};

TEST_F(command_on_slurm, starts_a_cluster_in_jobs_shows_it_and_ends_it) {
  auto up = daskify_command("up --program " + std::string{this_program} + settings);
  ASSERT_EQ(up.exit_code, 0) << up.output;
  auto program = client_of(home->path());
  program.start_cluster();
  EXPECT_EQ(program.gather_data(program.map(square, range(100)))[99], 9801);
  EXPECT_TRUE(program.wait_for_workers(2));
  std::string status; // the second job counts as enrolled a moment after its worker has enrolled
  EXPECT_TRUE(eventually([&] {
    status = daskify_command("status").output;
    return status.find("2 of 2 jobs at work") != status.npos;
  }));
  EXPECT_THAT(status, AllOf(HasSubstr("in jobs of SLURM (mode slurm)"), HasSubstr("Jobs of SLURM: 2 of 2 jobs at work"),
                            HasSubstr("Workers: 2")));
  auto json = daskify_command("status --json").output;
  EXPECT_TRUE(json_check::is_json(json)) << json;
  EXPECT_THAT(json, AllOf(HasSubstr("\"wanted\": 2"), HasSubstr("\"enrolled\": 2")));
  auto logs = daskify_command("logs").output;
  EXPECT_THAT(logs, AllOf(HasSubstr("  job-"), HasSubstr("  scheduler")));
  auto down = daskify_command("down");
  EXPECT_EQ(down.exit_code, 0) << down.output;
  EXPECT_TRUE(eventually([&] { return squeue().empty(); })) << squeue();
  EXPECT_EQ(entries(home->path() / ".daskify", ""), std::set<std::string>{"logs"});
}

TEST_F(command_on_slurm, is_up_while_jobs_wait_and_says_what_for) {
  auto up = daskify_command("up --start_timeout 3s --job_extra=--begin=now+1hour" + settings);
  ASSERT_EQ(up.exit_code, 0) << up.output;
  EXPECT_THAT(up.output, HasSubstr("BeginTime"));
  auto json = daskify_command("status --json").output;
  EXPECT_TRUE(json_check::is_json(json)) << json;
  EXPECT_THAT(json, AllOf(HasSubstr("\"pending_reasons\": {\"BeginTime\": 2}"), HasSubstr("\"workers\": []")));
  EXPECT_EQ(daskify_command("down").exit_code, 0);
}

TEST_F(command_on_slurm, asks_slurm_whether_such_jobs_could_run) {
  auto up = daskify_command("up --dry-run" + settings);
  EXPECT_EQ(up.exit_code, 0) << up.output;
  EXPECT_THAT(up.output, AllOf(StartsWith("#!/bin/bash\n"), HasSubstr("\nSLURM: "), HasSubstr("to start at")));
  EXPECT_EQ(squeue(), "");
  EXPECT_EQ(daskify_command("status").exit_code, 3);
  auto refused = daskify_command("script --dry-run --queue nowhere");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.output, HasSubstr("The option queue is nowhere (command line): "));
}

} // namespace
