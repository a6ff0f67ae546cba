/// Clusters in the jobs of a real SLURM. Jobs that are lost in the middle of a sweep: co2_sweep_on_slurm_test.cpp.

#include "support/child_program.hpp"
#include "support/environment_variable.hpp"
#include "support/program_with.hpp"
#include "support/run_program.hpp"
#include "support/slurm_cluster.hpp"
#include "support/text_of.hpp"

#include <daskify/daskify.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <set>
#include <span>
#include <sstream>
#include <thread>

using namespace daskify::test;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace {

double scaled_sum(std::span<const double> data, int factor) {
  return factor * std::accumulate(data.begin(), data.end(), 0.0);
}

/// Long enough for something to happen meanwhile.
int slow_square(int x) {
  std::this_thread::sleep_for(20ms);
  return x * x;
}

struct on_slurm : slurm_test {
  static void SetUpTestSuite() { start({.extra = "PartitionName=physics Nodes=n[1-4] AllowAccounts=physics"}); }

  temporary_folder base;

  daskify::daskified make(daskify::options with = {}) const {
    with.mode = daskify::cluster_mode::slurm;
    with.size = with.size.value_or(4);
    with.queue = with.queue.value_or("main");
    with.memory = with.memory.value_or(256 << 20);
    with.session_directory = base.path().string();
    with.progress = daskify::progress_style::off;
    return program_with(with);
  }

  void TearDown() override {
    EXPECT_TRUE(eventually([] { return output_of("squeue -h -o %i").empty(); })) << "no job is left";
    EXPECT_EQ(entries(base.path(), "daskify-"), std::set<std::string>{}) << "no session folder is left";
  }

  /// The message of the error that start_cluster throws.
  std::string refusal_of(daskify::options with) const {
    auto cluster = make(std::move(with));
    try {
      cluster.start_cluster();
    } catch (const daskify::error& e) {
      return e.what();
    }
    return "nothing";
  }

  /// Replaces a command, during the lifetime of the returned object.
  environment_variable instead_of(const std::string& command, const std::string& script) const {
    auto folder = base.path() / "bin";
    std::filesystem::create_directory(folder);
    std::ofstream{folder / command} << "#!/bin/sh\n" << script << '\n';
    std::filesystem::permissions(folder / command, std::filesystem::perms::owner_all);
    return {"PATH", folder.string() + ":" + std::getenv("PATH")};
  }

  /// Arguments of a program that takes its options from the command line.
  std::vector<std::string> in_jobs(std::vector<std::string> more, int size = 2) const {
    more.insert(more.end(), {"--daskify.queue=main", "--daskify.memory=16MiB", "--daskify.size=" + std::to_string(size),
                             "--daskify.session_directory=" + base.path().string()});
    return more;
  }

  static std::vector<std::string> lines_of(const std::string& command) {
    std::istringstream all{output_of(command)};
    std::vector<std::string> lines;
    for (std::string line; std::getline(all, line);)
      lines.push_back(line);
    return lines;
  }

  /// The job of the first worker's node: "12_0".
  static std::string a_job_of(const daskify::daskified& cluster) {
    auto node = cluster.workers().at(0).node;
    return node.substr(node.find('/') + 1);
  }
};

void expect_squares(const daskify::daskified& cluster, const daskify::futures<int, int>& squares) {
  auto values = cluster.gather_data(squares);
  for (int x = 0; x < static_cast<int>(values.size()); ++x)
    EXPECT_EQ(values[static_cast<std::size_t>(x)], x * x);
}

TEST_F(on_slurm, runs_a_sweep_on_scattered_data) {
  auto cluster = make();
  cluster.start_cluster();
  EXPECT_TRUE(cluster.wait_for_workers(4));
  EXPECT_EQ(cluster.workers().size(), 4u);
  auto data = cluster.scatter_data(std::vector<double>{1, 2, 3});
  auto sums = cluster.run(scaled_sum, daskify::args(data), daskify::iterables(daskify::range(1'000)));
  auto values = cluster.gather_data(sums);
  for (int i = 0; i < 1'000; ++i)
    EXPECT_EQ(values[static_cast<std::size_t>(i)], 6.0 * i);
}

TEST_F(on_slurm, has_several_workers_in_a_job_that_share_a_store) {
  auto cluster = make({.size = 4, .processes = 2, .start_when = 4});
  cluster.start_cluster();
  std::map<std::string, int> workers_of;
  for (const auto& w : cluster.workers())
    ++workers_of[w.node];
  EXPECT_THAT(workers_of, testing::SizeIs(2));
  for (const auto& [node, workers] : workers_of)
    EXPECT_EQ(workers, 2) << node;
}

TEST_F(on_slurm, starts_in_every_shape) {
  for (auto shape : {daskify::job_shape::array, daskify::job_shape::separate, daskify::job_shape::allocation}) {
    SCOPED_TRACE(to_string(shape));
    auto cluster = make({.size = 3, .job_shape = shape});
    cluster.start_cluster();
    EXPECT_TRUE(cluster.wait_for_workers(3));
    EXPECT_EQ(cluster.workers().size(), 3u);
    expect_squares(cluster, cluster.map(slow_square, daskify::range(20)));
  }
}

TEST_F(on_slurm, is_small_in_mode_test) {
  auto cluster = make({.memory = {}});
  cluster.start_cluster(daskify::cluster_mode::test);
  EXPECT_TRUE(cluster.wait_for_workers(4));
  EXPECT_EQ(cluster.workers().size(), 4u) << "size was set";
}

TEST_F(on_slurm, gathers_large_results_from_other_nodes) {
  auto cluster = make({.size = 2, .start_when = 2});
  cluster.start_cluster();
  auto many = [](int x) { return std::vector<double>(1'000'000, x); };
  auto vectors = cluster.map(many, daskify::range(4));
  int x = 0;
  for (const auto& vector : cluster.gather_data(vectors)) {
    EXPECT_EQ(vector, std::vector<double>(1'000'000, x));
    ++x;
  }
}

TEST_F(on_slurm, loses_nothing_with_a_job_that_is_killed_at_its_walltime) {
  auto cluster = make({.size = 2, .start_when = 2});
  cluster.start_cluster();
  auto squares = cluster.map(slow_square, daskify::range(2'000));
  daskify::wait(squares, 100);
  output_of("scontrol update JobId=" + a_job_of(cluster) + " EndTime=now+2");
  expect_squares(cluster, squares);
}

TEST_F(on_slurm, moves_what_only_a_cancelled_job_has) {
  auto cluster = make({.size = 2, .start_when = 2});
  cluster.start_cluster();
  auto many = [](int x) { return std::vector<double>(1'000'000, x); };
  auto vectors = cluster.map(many, daskify::range(8));
  daskify::wait(vectors);
  output_of("scancel " + a_job_of(cluster));
  EXPECT_TRUE(eventually([&] { return cluster.workers().size() == 1; }));
  int x = 0;
  for (const auto& vector : cluster.gather_data(vectors))
    EXPECT_EQ(vector, std::vector<double>(1'000'000, x++));
}

TEST_F(on_slurm, follows_the_work_between_minimum_and_maximum) {
  auto cluster = make({.size = 1, .minimum = 1, .maximum = 6});
  cluster.start_cluster();
  EXPECT_EQ(cluster.workers().size(), 1u);
  auto tasks = cluster.map(
      [](int x) {
        std::this_thread::sleep_for(2s);
        return x;
      },
      daskify::range(200));
  EXPECT_TRUE(eventually([&] { return cluster.workers().size() == 6; }, 30s));
  tasks.cancel();
}

TEST_F(on_slurm, is_in_one_allocation_by_the_script_for_it) {
  auto log = base.path() / "allocation.log";
  auto said = output_of("sbatch --wait --ntasks=3 --mem=300M --output=" + log.string() + " " + DASKIFY_SOURCE_DIR +
                        "/slurm/one-allocation.sbatch " + DASKIFY_BIN_DIR + "/hello_sweep");
  EXPECT_THAT(text_of(log), HasSubstr("90\t100\n")) << said;
}

TEST_F(on_slurm, says_that_an_allocation_has_no_room_for_its_size) {
  auto log = base.path() / "allocation.log";
  output_of("sbatch --wait --ntasks=2 --mem=300M --output=" + log.string() +
            " --wrap 'exec " DASKIFY_BIN_DIR "/hello_sweep --mode slurm --daskify.size=9'");
  EXPECT_THAT(text_of(log), AllOf(HasSubstr("srun ended with exit code 1"),
                                  HasSubstr("size asks for 9 nodes in an allocation of 2: leave it out")));
}

TEST_F(on_slurm, has_a_cluster_that_stays_by_the_scripts_for_it) {
  auto folder = base.path() / "cluster";
  auto environment = "PATH=" + std::string{DASKIFY_BIN_DIR} + ":$PATH DASKIFY_CONNECTION_DIRECTORY=" + folder.string() +
                     " DASKIFY_SESSION_DIRECTORY=" + base.path().string() + " ";
  auto submit = [&](const std::string& options, const std::string& script) {
    auto log = base.path() / "job-%j.log";
    return output_of(environment + "sbatch --parsable --mem=200M --output=" + log.string() + " " + options + " " +
                     DASKIFY_SOURCE_DIR + "/slurm/" + script);
  };
  auto scheduler = submit("", "scheduler.sbatch");
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(folder / "scheduler"); })) << scheduler;
  auto workers = submit("--array=0-1", "workers.sbatch --daskify.worker_program=" DASKIFY_BIN_DIR "/hello_sweep");
  EXPECT_THAT(output_of(environment + "hello_sweep --mode connect"), HasSubstr("90\t100\n"));
  output_of("scancel " + scheduler + " " + workers); // one may still wait for a scheduler
}

TEST_F(on_slurm, has_a_cluster_that_stays_in_one_allocation_and_takes_all_of_it) {
  for (auto [asked_for, workers] : {std::pair{"--ntasks=3", 3}, {"--nodes=3 --exclusive", 12}}) {
    auto count = std::to_string(workers);
    auto environment = "DASKIFY_CONNECTION_DIRECTORY=" + (base.path() / count).string() +
                       " DASKIFY_SESSION_DIRECTORY=" + base.path().string() + " ";
    auto log = base.path() / (count + ".log");
    auto scheduler = output_of(environment + "sbatch --parsable " + asked_for + " --mem=500M --output=" + log.string() +
                               " --wrap 'exec " DASKIFY_BIN_DIR "/daskify-scheduler --start-workers "
                               "--daskify.mode=slurm --daskify.worker_program=" DASKIFY_BIN_DIR "/hello_sweep'");
    EXPECT_THAT(output_of(environment + DASKIFY_BIN_DIR "/hello_sweep --mode connect"), HasSubstr("90\t100\n"))
        << text_of(log);
    auto status = [&] { return output_of(environment + DASKIFY_BIN_DIR "/daskify status"); };
    auto all_idle = "Workers: " + count + " (" + count + " idle)";
    EXPECT_TRUE(eventually([&] { return status().find(all_idle) != std::string::npos; })) << status() << text_of(log);
    output_of("scancel " + scheduler);
  }
}

TEST_F(on_slurm, leaves_no_job_when_the_program_is_killed_while_some_wait) {
  auto pid = std::stoi(
      output_of("DASKIFY_SESSION_DIRECTORY=" + base.path().string() + " " + DASKIFY_BIN_DIR +
                "/hello_sweep --mode slurm --daskify.queue=main --daskify.memory=16MiB "
                "--daskify.size=30 --daskify.start_when=30 --daskify.progress=off >/dev/null 2>&1 & echo $!"));
  EXPECT_TRUE(eventually([] { return !output_of("squeue -h -r -t RUNNING -o %i").empty(); }));
  EXPECT_FALSE(output_of("squeue -h -r -t PENDING -o %i").empty());
  ::kill(pid, SIGKILL);
  EXPECT_TRUE(eventually([] { return output_of("squeue -h -o %i").empty(); }));
}

TEST_F(on_slurm, leaves_nothing_when_the_program_is_killed_while_all_wait) {
  for (int signal : {SIGKILL, SIGTERM}) {
    child_program program{"hello_sweep", in_jobs({"--mode", "slurm", "--daskify.job_extra=--hold"})};
    EXPECT_TRUE(program.says("2 pending")) << program.output();
    EXPECT_EQ(entries(base.path(), "daskify-").size(), 1u);
    auto guard = child_called("daskify-guard", program.pid());
    ASSERT_NE(guard, 0);
    ::kill(guard, SIGHUP); // as when the terminal is closed
    program.signal(signal);
    program.wait();
    EXPECT_TRUE(eventually([&] { return entries(base.path(), "daskify-").empty(); })) << signal;
  }
}

TEST_F(on_slurm, says_that_no_job_is_at_work_any_more_and_why_and_when_some_are_again) {
  child_program scheduler{"daskify-scheduler",
                          in_jobs({"--start-workers", "--daskify.mode=slurm",
                                   "--daskify.connection_directory=" + (base.path() / "c").string()})};
  ASSERT_TRUE(scheduler.says("listens at")) << scheduler.output();
  auto array = output_of("squeue -h -o %A | sort -u | tr '\\n' ' '");
  output_of("scontrol requeuehold " + array);
  EXPECT_TRUE(scheduler.says("SLURM: 0 of 2 jobs at work, 2 pending (")) << scheduler.output();
  auto held = scheduler.output().find("held");
  ASSERT_NE(held, std::string::npos) << scheduler.output();
  output_of("scontrol release " + array);
  EXPECT_TRUE(eventually([&] { return scheduler.output().find(" of 2 jobs at work", held) != std::string::npos; }))
      << scheduler.output();
  scheduler.signal(SIGTERM);
  EXPECT_EQ(scheduler.wait(), 0);
}

TEST_F(on_slurm, says_why_jobs_died_soon_after_their_workers_had_come) {
  auto word = base.path() / "die";
  auto prologue = "(until [ -e '" + word.string() + "' ]; do sleep 0.1; done; echo no more luck; kill -9 $$) &";
  // More jobs than the nodes have room for, so that the cluster is not ready before.
  child_program program{
      "hello_sweep", in_jobs({"--mode", "slurm", "--daskify.start_when=17", "--daskify.job_prologue=" + prologue}, 17)};
  ASSERT_TRUE(program.says("16 of 17 jobs at work")) << program.output();
  std::ofstream{word};
  EXPECT_EQ(program.wait(), -1) << "it does not catch the error";
  EXPECT_THAT(program.output(), AllOf(HasSubstr("is gone: its process failed"), HasSubstr("no more luck")));
}

TEST_F(on_slurm, leaves_no_job_when_the_program_is_killed_while_sbatch_is_under_way) {
  auto asked = base.path() / "asked";
  auto done = base.path() / "done";
  auto path = instead_of("sbatch", "touch '" + asked.string() + "'; sleep 1; /usr/bin/sbatch \"$@\"; touch '" +
                                       done.string() + "'");
  child_program program{"hello_sweep", in_jobs({"--mode", "slurm", "--daskify.job_extra=--hold"})};
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(asked); }));
  program.signal(SIGKILL);
  program.wait();
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(done); }));
  EXPECT_TRUE(eventually([] { return output_of("squeue -h -o %i").empty(); })) << "the guard has waited for sbatch";
}

TEST_F(on_slurm, waits_for_jobs_in_the_queue_for_longer_than_start_timeout) {
  auto begin = std::chrono::steady_clock::now();
  child_program program{"hello_sweep",
                        in_jobs({"--mode", "slurm", "--daskify.job_extra=--hold", "--daskify.start_timeout=10s"})};
  ASSERT_TRUE(program.says("2 pending")) << program.output();
  EXPECT_TRUE(eventually([&] { return std::chrono::steady_clock::now() - begin > 12s; }));
  output_of("scontrol release $(squeue -h -o %A | sort -u)");
  EXPECT_EQ(program.wait(), 0) << program.output();
}

TEST_F(on_slurm, gives_up_jobs_in_the_queue_when_queue_timeout_is_over_too) {
  EXPECT_THAT(
      refusal_of(
          {.size = 2, .job_extra = std::vector<std::string>{"--hold"}, .start_timeout = 10s, .queue_timeout = 1ms}),
      AllOf(HasSubstr("Only 0 of 2 jobs had their workers ready when start_timeout and queue_timeout were "),
            HasSubstr("0 of 2 jobs at work, 2 pending (")));
}

TEST_F(on_slurm, goes_on_with_fewer_jobs_after_start_timeout_where_that_is_accepted) {
  // More jobs than there is room for.
  auto cluster = make({.size = 17, .start_timeout = 10s, .accept_fewer = true, .start_when = 17});
  cluster.start_cluster();
  EXPECT_LT(cluster.workers().size(), 17u);
  expect_squares(cluster, cluster.map(slow_square, daskify::range(100)));
}

TEST_F(on_slurm, cancels_jobs_that_squeue_does_not_know) {
  auto path = instead_of("squeue", "exit 0");
  EXPECT_THAT(refusal_of({.size = 2, .job_extra = std::vector<std::string>{"--hold"}}),
              HasSubstr("disappeared from SLURM"));
  EXPECT_EQ(output_of("/usr/bin/squeue -h -t PENDING,RUNNING -o %i"), "");
}

TEST_F(on_slurm, says_that_sbatch_has_not_answered_when_start_timeout_is_over_and_cancels_what_it_has_submitted) {
  auto path = instead_of("sbatch", "/usr/bin/sbatch \"$@\" >/dev/null; exec sleep 1000");
  EXPECT_THAT(refusal_of({.size = 2, .job_extra = std::vector<std::string>{"--hold"}, .start_timeout = 6s}),
              AllOf(HasSubstr("0 of 2 jobs at work, 2 being submitted."), HasSubstr("sbatch has not answered for ")));
  EXPECT_TRUE(eventually([] { return output_of("squeue -h -t PENDING,RUNNING -o %i").empty(); }));
}

TEST_F(on_slurm, says_that_squeue_has_not_answered_when_start_timeout_is_over) {
  auto path = instead_of("squeue", "exec sleep 1000");
  EXPECT_THAT(refusal_of({.size = 2, .job_extra = std::vector<std::string>{"--hold"}, .start_timeout = 10s}),
              AllOf(HasSubstr("0 of 2 jobs at work, 2 submitted."), HasSubstr("squeue has not answered for ")));
}

TEST_F(on_slurm, works_with_the_jobs_that_run_while_others_wait_in_the_queue_and_lets_those_join_later) {
  for (auto shape : {daskify::job_shape::array, daskify::job_shape::separate}) {
    SCOPED_TRACE(to_string(shape));
    auto cluster = make({.size = 4, .job_extra = std::vector<std::string>{"--hold"}, .job_shape = shape});
    std::vector<std::string> jobs;
    std::thread releases{[&] {
      auto held = [&] { return jobs = lines_of("squeue -h -r -t PENDING -o %i | sort"); };
      EXPECT_TRUE(eventually([&] { return held().size() == 4; }));
      output_of("scontrol release " + jobs.at(0) + "; scontrol release " + jobs.at(1));
    }};
    cluster.start_cluster();
    releases.join();
    EXPECT_TRUE(cluster.wait_for_workers(2, 60s));
    auto squares = cluster.map(slow_square, daskify::range(200));
    expect_squares(cluster, squares);
    EXPECT_EQ(cluster.workers().size(), 2u) << "the others wait";
    EXPECT_FALSE(cluster.wait_for_workers(3, 1ms));

    auto endless = cluster.map(
        [](int) {
          while (!daskify::this_task::stop_requested())
            std::this_thread::sleep_for(10ms);
        },
        daskify::range(4));
    output_of("scontrol release " + jobs.at(2) + "; scontrol release " + jobs.at(3));
    EXPECT_TRUE(cluster.wait_for_workers(4, 60s));
    EXPECT_TRUE(eventually([&] { return cluster.check_progress(endless, std::clog).running == 4; }))
        << "those that came later work, too";
    endless.cancel();
  }
}

TEST_F(on_slurm, does_not_wait_for_jobs_for_which_the_nodes_have_no_room) {
  auto cluster = make({.size = 20});
  cluster.start_cluster();
  EXPECT_TRUE(cluster.wait_for_workers(16, 60s));
  expect_squares(cluster, cluster.map(slow_square, daskify::range(400)));
  EXPECT_THAT(lines_of("squeue -h -r -t PENDING -o %i"), testing::SizeIs(4));
}

TEST_F(on_slurm, is_not_ready_before_as_many_workers_are_there_as_start_when_says) {
  auto cluster = make({.size = 3, .start_when = 3});
  cluster.start_cluster();
  EXPECT_EQ(cluster.workers().size(), 3u);
}

TEST_F(on_slurm, says_how_many_workers_were_waited_for_when_the_time_is_over) {
  EXPECT_THAT(refusal_of({.size = 17, .start_timeout = 10s, .queue_timeout = 1ms, .start_when = 17}),
              AllOf(HasSubstr(" of 17 jobs had their workers ready when start_timeout and queue_timeout were over, and "
                              "start_when waits for those of 17: lower it, or set accept_fewer"),
                    HasSubstr("Resources: it is next, and waits for nodes or cores that are in use.")));
}

TEST_F(on_slurm, refuses_to_wait_for_more_workers_than_there_will_be) {
  EXPECT_THAT(refusal_of({.size = 4, .start_when = 5}),
              HasSubstr("start_when 5 (code) is more than the 4 workers that the cluster can have"));
  EXPECT_EQ(entries(base.path() / "logs", ""), std::set<std::string>{});
  auto cluster = make({.size = 2});
  cluster.start_cluster();
  try {
    cluster.wait_for_workers(3);
    FAIL();
  } catch (const daskify::cluster_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("There cannot be 3 workers: the cluster can have at most 2; wait for fewer"));
  }
}

TEST_F(on_slurm, says_that_workers_will_not_come_whose_jobs_were_cancelled) {
  auto cluster = make({.size = 2, .start_when = 2});
  cluster.start_cluster();
  output_of("scancel " + a_job_of(cluster));
  EXPECT_TRUE(eventually([&] { return cluster.workers().size() == 1; }));
  try {
    cluster.wait_for_workers(2);
    FAIL();
  } catch (const daskify::cluster_error& e) {
    EXPECT_EQ(e.code(), daskify::error_code::no_workers);
    EXPECT_THAT(e.what(), AllOf(HasSubstr("the cluster can have at most 1."), HasSubstr("cancelled from outside")));
  }
}

TEST_F(on_slurm, grows_to_the_workers_that_are_waited_for) {
  auto cluster = make({.size = 1, .minimum = 1, .maximum = 3});
  cluster.start_cluster();
  EXPECT_TRUE(cluster.wait_for_workers(3, 60s));
}

TEST_F(on_slurm, is_ready_in_an_allocation_when_start_when_says_so) {
  auto log = base.path() / "allocation.log";
  for (auto [more, says] : {std::pair{" --daskify.start_when=3", "90\t100\n"},
                            {" --daskify.start_when=4", "start_when 4 (command line) is more than the 3 workers"}}) {
    output_of("sbatch --wait --ntasks=3 --mem=300M --output=" + log.string() +
              " --wrap 'exec " DASKIFY_BIN_DIR "/hello_sweep --mode slurm" + more + "'");
    EXPECT_THAT(text_of(log), HasSubstr(says)) << more;
  }
}

TEST_F(on_slurm, takes_the_sites_partition_and_memory_unless_told_otherwise) {
  auto cluster = program_with({.mode = daskify::cluster_mode::slurm,
                               .size = 1,
                               .session_directory = base.path().string(),
                               .progress = daskify::progress_style::off});
  EXPECT_THAT(cluster.job_script(), AllOf(Not(HasSubstr("--partition")), Not(HasSubstr("--mem"))));
  cluster.start_cluster();
  EXPECT_EQ(output_of("squeue -h -o %P"), "main\n");
}

TEST_F(on_slurm, cancels_its_jobs_although_squeue_hangs) {
  auto asked = base.path() / "asked";
  auto path = instead_of("squeue", "touch '" + asked.string() + "'; exec sleep 1000");
  auto cluster = make({.size = 2});
  cluster.start_cluster();
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(asked); }));
  auto begin = std::chrono::steady_clock::now();
  cluster.shutdown_cluster();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 40s) << "less than one squeue may take";
}

TEST_F(on_slurm, says_how_to_cancel_all_its_jobs_when_it_cannot) {
  auto path = instead_of("scancel", "echo 'scancel: error: no luck' >&2; exit 1");
  testing::internal::CaptureStderr();
  auto refusal = refusal_of({.size = 2, .job_extra = std::vector<std::string>{"--hold"}, .start_timeout = 1s});
  auto notices = testing::internal::GetCapturedStderr();
  EXPECT_THAT(refusal, HasSubstr("Only 0 of 2 jobs had their workers ready"));
  EXPECT_THAT(notices, AllOf(HasSubstr("daskify could not cancel jobs of SLURM: "), HasSubstr("no luck")));
  auto advice = notices.find("scancel --name=daskify-");
  ASSERT_NE(advice, notices.npos) << notices;
  output_of("/usr/bin/" + notices.substr(advice, notices.find('\n', advice) - advice));
}

TEST_F(on_slurm, says_what_is_asked_for_can_never_start_and_which_options_to_change) {
  EXPECT_THAT(refusal_of({.queue = "short", .walltime = 10h}),
              AllOf(HasSubstr("can never start: PartitionTimeLimit"), HasSubstr("The option walltime is 10h (code): "),
                    HasSubstr("The option queue is short (code): ")));
}

TEST_F(on_slurm, says_that_there_is_no_sbatch) {
  std::string said;
  {
    environment_variable path{"PATH", "/nowhere"};
    said = refusal_of({});
  }
  EXPECT_THAT(said, HasSubstr("there is no sbatch on this machine"));
}

TEST_F(on_slurm, says_that_there_is_no_such_partition) {
  EXPECT_THAT(refusal_of({.queue = "nowhere"}),
              AllOf(HasSubstr("invalid partition specified: nowhere"),
                    HasSubstr("The option queue is nowhere (code): set it to one of the partitions that 'sinfo' lists, "
                              "or to none for the site's default one.")));
  EXPECT_EQ(entries(base.path() / "logs", ""), std::set<std::string>{}) << "there was nothing to log";
}

TEST_F(on_slurm, says_that_the_partition_is_not_for_the_account) {
  EXPECT_THAT(refusal_of({.queue = "physics", .account = "chemistry"}),
              AllOf(HasSubstr("can never start"), HasSubstr("physics allows physics"),
                    HasSubstr("its partition does not serve its account: name another of the two"),
                    HasSubstr("The option account is chemistry (code): "),
                    HasSubstr("The option queue is physics (code): ")));
}

TEST_F(on_slurm, says_which_addresses_of_the_scheduler_the_nodes_have_tried) {
  auto elsewhere = "sed -i 's/^address .*/address 192.0.2.1 4711/' " + base.path().string() + "/daskify-*/scheduler";
  EXPECT_THAT(refusal_of({.size = 1, .job_prologue = std::vector<std::string>{elsewhere}}),
              AllOf(HasSubstr("192.0.2.1:4711 ("), HasSubstr("interface")));
}

TEST_F(on_slurm, says_that_no_node_has_so_much_memory) {
  EXPECT_THAT(
      refusal_of({.memory = 1LL << 40}),
      AllOf(HasSubstr("emory"), HasSubstr("The option memory is 1TiB (code): set it to what one job may have")));
}

TEST_F(on_slurm, says_that_no_node_has_so_many_cpus) {
  EXPECT_THAT(refusal_of({.size = 1, .cores = 64}),
              HasSubstr("The option cores is 64 (code), and processes is 1 (default): set them to"));
}

TEST_F(on_slurm, says_that_an_option_of_sbatch_is_of_no_use) {
  EXPECT_THAT(refusal_of({.size = 1, .job_extra = std::vector<std::string>{"--constraint=quantum"}}),
              HasSubstr("The option job_extra is --constraint=quantum (code): "));
}

TEST_F(on_slurm, says_what_a_prologue_that_failed_has_printed) {
  EXPECT_THAT(refusal_of({.job_prologue = std::vector<std::string>{"echo no such module; false"}}),
              HasSubstr("no such module"));
}

TEST_F(on_slurm, says_that_the_program_is_not_there) {
  EXPECT_THAT(refusal_of({.worker_program = "/nowhere/program"}), HasSubstr("/nowhere/program"));
}

TEST_F(on_slurm, says_why_the_workers_of_its_nodes_cannot_start) {
  EXPECT_THAT(refusal_of({.size = 1, .load = std::vector<std::string>{"/nowhere/lib.so"}}),
              HasSubstr("The library '/nowhere/lib.so' cannot be loaded"));
}

TEST_F(on_slurm, says_that_the_program_is_another_one) {
  EXPECT_THAT(refusal_of({.worker_program = std::string{DASKIFY_BIN_DIR} + "/hello_sweep"}),
              HasSubstr("another build of the program"));
}

} // namespace
