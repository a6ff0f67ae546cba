/// sbatch, squeue and scancel of a real SLURM.

#include "daskify/deploy/slurm/slurm_commands.hpp"

#include "daskify/error.hpp"
#include "support/environment_variable.hpp"
#include "support/slurm_cluster.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <sstream>
#include <stop_token>
#include <sys/stat.h>
#include <thread>

using namespace daskify;
using namespace daskify::internal;
using namespace daskify::test;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;
using testing::UnorderedElementsAre;

namespace {

/// A batch script with these #SBATCH options, that writes no file of output.
std::string script(const std::string& options, const std::string& commands) {
  return "#!/bin/sh\n#SBATCH --output=/dev/null " + options + "\n" + commands + "\n";
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream stream{text};
  for (std::string line; std::getline(stream, line);)
    result.push_back(line);
  std::sort(result.begin(), result.end());
  return result;
}

template <class F>
void expect_error(error_code code, const std::string& words, F&& call) {
  try {
    call();
    FAIL() << "no error";
  } catch (const error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_THAT(e.what(), HasSubstr(words));
    EXPECT_THAT(e.what(), Not(HasSubstr("\n")));
  }
}

class slurm_commands_test : public slurm_test {
public:
  static void SetUpTestSuite() {
    start({.extra = "EnforcePartLimits=ALL\nPartitionName=closed Nodes=n1 AllowAccounts=physics"});
  }

protected:
  std::string state(const std::string& id) {
    auto text = commands.query({id}, "%T");
    return text.substr(0, text.find('\n'));
  }

  /// Whether the job has the state, or will have it within 20 s.
  testing::AssertionResult becomes(const std::string& id, const std::string& wanted) {
    if (eventually([&] { return state(id) == wanted; }))
      return testing::AssertionSuccess();
    return testing::AssertionFailure() << "job " << id << " is " << state(id);
  }

  /// The environment of a job, as the job's command sees it.
  std::vector<std::string> environment_in_job(const std::string& options) {
    auto file = folder.path() / "environment";
    auto id = commands.submit(script(options, "env >" + file.string()));
    EXPECT_TRUE(becomes(id, "COMPLETED"));
    std::ifstream stream{file};
    return lines({std::istreambuf_iterator<char>{stream}, {}});
  }

  slurm_commands commands;
  temporary_folder folder;
};

/// SLURM gives up on a controller after 2 s instead of 10.
class silent_slurm_test : public slurm_test {
public:
  static void SetUpTestSuite() { start({.nodes = 1, .extra = "MessageTimeout=2"}); }

protected:
  /// Checks that every call reports the silence; calls all at once, because each takes seconds.
  static void expect_silence(const slurm_commands& commands, const std::string& words) {
    auto job = script("", "true");
    const std::function<void()> calls[] = {
        [&] { commands.submit(job); },        [&] { commands.test_only(job); },
        [&] { commands.query({"1"}, "%T"); }, [&] { commands.query({"1", "2"}, "%T"); },
        [&] { commands.cancel({"1", "2"}); },
    };
    std::vector<std::thread> threads;
    for (const auto& call : calls)
      threads.emplace_back([&] { expect_error(error_code::slurm_silent, words, call); });
    for (auto& thread : threads)
      thread.join();
  }
};

} // namespace

TEST_F(slurm_commands_test, a_job_is_submitted_runs_and_stays_visible_after_its_end) {
  auto go = folder.path() / "go";
  ASSERT_EQ(::mkfifo(go.c_str(), 0600), 0);
  auto id = commands.submit(script("", "read x <" + go.string()));
  EXPECT_TRUE(becomes(id, "RUNNING"));
  std::ofstream{go} << "x\n";
  EXPECT_TRUE(becomes(id, "COMPLETED"));
}

TEST_F(slurm_commands_test, a_job_that_waits_is_pending_for_a_reason) {
  auto id = commands.submit(script("--hold", "true"));
  EXPECT_EQ(commands.query({id}, "%i %T %r"), id + " PENDING JobHeldUser\n");
  commands.cancel({id});
  EXPECT_EQ(state(id), "CANCELLED");
}

TEST_F(slurm_commands_test, tasks_of_an_array_are_seen_each_by_itself) {
  auto id = commands.submit(script("--hold --array=0-2", "true"));
  EXPECT_THAT(lines(commands.query({id}, "%i %T")),
              ElementsAre(id + "_0 PENDING", id + "_1 PENDING", id + "_2 PENDING"));
  commands.cancel({id + "_1"});
  // SLURM forgets a task at once if it is cancelled alone before it began.
  EXPECT_THAT(lines(commands.query({id}, "%i %T")), ElementsAre(id + "_0 PENDING", id + "_2 PENDING"));
  EXPECT_EQ(commands.query({id + "_2"}, "%T"), "PENDING\n");
  commands.cancel({id});
  EXPECT_THAT(commands.query({id}, "%T"), Not(HasSubstr("PENDING")));
}

TEST_F(slurm_commands_test, an_unknown_job_does_not_hide_the_others) {
  auto first = commands.submit(script("--hold", "true"));
  auto second = commands.submit(script("--hold", "true"));
  auto seen = UnorderedElementsAre(first + " PENDING", second + " PENDING");
  EXPECT_THAT(lines(commands.query({first, second}, "%i %T")), seen);
  EXPECT_THAT(lines(commands.query({"99999", first, second}, "%i %T")), seen);
  EXPECT_THAT(lines(commands.query({first, "99999_3", second}, "%i %T")), seen);
  EXPECT_THAT(lines(commands.query({first, second, first + "_7"}, "%i %T")), seen);
  EXPECT_EQ(commands.query({"99999"}, "%i"), "");
  EXPECT_EQ(commands.query({"99998", "99999"}, "%i"), "");
  EXPECT_EQ(commands.query({}, "%i"), "");
}

TEST_F(slurm_commands_test, more_jobs_can_be_asked_for_and_cancelled_than_fit_on_one_command_line) {
  auto id = commands.submit(script("--hold", "true"));
  std::vector<std::string> ids;
  for (int i = 0; i < 25'000; ++i)
    ids.push_back(std::to_string(1'000'000 + i));
  ids.push_back(id);
  EXPECT_EQ(commands.query(ids, "%i"), id + "\n");
}

TEST_F(slurm_commands_test, exactly_the_jobs_named_are_cancelled) {
  auto kept = commands.submit(script("--hold", "true"));
  auto first = commands.submit(script("--hold", "true"));
  auto second = commands.submit(script("--hold", "true"));
  commands.cancel({});
  commands.cancel({first, "99999", second});
  commands.cancel({first, second}); // they have ended: no error
  EXPECT_EQ(state(first), "CANCELLED");
  EXPECT_EQ(state(second), "CANCELLED");
  EXPECT_EQ(state(kept), "PENDING");
}

TEST_F(slurm_commands_test, only_job_ids_are_passed_on) {
  for (std::string id : {"", "-u", "--me", "1,2", "1 2", "1_", "_1", "1_2_3", "1;2", "$(id)", "all", "-1", "1_[0-2]"}) {
    expect_error(error_code::bad_argument, "'" + id + "'", [&] { commands.cancel({"1", id}); });
    expect_error(error_code::bad_argument, "'" + id + "'", [&] { commands.query({id}, "%i"); });
  }
}

TEST_F(slurm_commands_test, the_users_filters_and_formats_for_the_terminal_do_not_matter) {
  auto id = commands.submit(script("--hold", "true"));
  environment_variable states{"SQUEUE_STATES", "RUNNING"};
  environment_variable partition{"SQUEUE_PARTITION", "short"};
  environment_variable format{"SQUEUE_FORMAT2", "jobid"};
  environment_variable name{"SCANCEL_NAME", "another"};
  environment_variable asks{"SCANCEL_INTERACTIVE", "1"};
  EXPECT_EQ(commands.query({id}, "%i"), id + "\n");
  commands.cancel({id});
  EXPECT_EQ(state(id), "CANCELLED");
}

TEST_F(slurm_commands_test, the_time_left_of_a_job_is_known) {
  auto id = commands.submit(script("--time=7 --hold", "true"));
  EXPECT_EQ(commands.time_left(id), "7:00");
  EXPECT_EQ(commands.time_left("99999"), "");
}

TEST_F(slurm_commands_test, the_time_left_is_that_of_the_task_even_if_it_has_the_id_of_its_array) {
  auto array = commands.submit(script("--time=7 --array=0-1", "sleep 1000"));
  EXPECT_TRUE(eventually([&] {
    return lines(commands.query({array}, "%T")) == std::vector<std::string>{"RUNNING", "RUNNING"};
  }));
  // Each task has an id of its own, and one of them that of the array.
  EXPECT_THAT(lines(commands.query({array}, "%A")), IsSupersetOf({array}));
  EXPECT_THAT(commands.time_left(array), testing::MatchesRegex("6:5[0-9]|7:00"));
  EXPECT_THAT(commands.time_left(array + "_0"), testing::MatchesRegex("6:5[0-9]|7:00"));
  commands.cancel({array});
}

TEST_F(slurm_commands_test, a_test_gives_an_estimate_and_queues_nothing) {
  auto said = commands.test_only(script("--job-name=tested --ntasks=3", "true"));
  EXPECT_THAT(said, HasSubstr("to start at"));
  EXPECT_THAT(said, HasSubstr("3 processors"));
  auto after = std::to_string(std::stoi(said.substr(said.find(' '))));
  EXPECT_EQ(commands.query({after}, "%i"), "");
}

TEST_F(slurm_commands_test, what_cannot_run_is_refused_with_slurms_words) {
  struct {
    const char* options;
    const char* words;
  } const refused[] = {
      {"--partition=nowhere", "invalid partition specified: nowhere"},
      {"--mem=100000000", "Requested node configuration is not available"},
      {"--partition=closed --account=chemistry", "Invalid account or account/partition combination specified"},
      {"--partition=short --time=100", "Requested time limit is invalid"},
      {"--constraint=quantum", "Invalid feature specification"},
      {"--no-such-option", "unrecognized option"},
      {"--time=soon", "Invalid --time specification"},
  };
  for (const auto& [options, words] : refused) {
    expect_error(error_code::slurm_refused, words, [&] { commands.submit(script(options, "true")); });
    expect_error(error_code::slurm_refused, words, [&] { commands.test_only(script(options, "true")); });
  }
  expect_error(error_code::slurm_refused, "Batch script is empty", [&] { commands.submit(""); });
  expect_error(error_code::slurm_refused, "does not look like a batch script", [&] { commands.submit("true\n"); });
}

TEST_F(slurm_commands_test, what_the_script_asks_for_goes_before_the_environment) {
  environment_variable limit{"SBATCH_TIMELIMIT", "3"};
  environment_variable name{"SBATCH_JOB_NAME", "of_environment"};
  environment_variable partition{"SBATCH_PARTITION", "short"};
  environment_variable memory{"SBATCH_MEM_PER_CPU", "100000000"};
  environment_variable waits{"SBATCH_WAIT", "1"};
  auto id =
      commands.submit(script("--hold --time=2 --mem=100\n#SBATCH -J of_script", "#SBATCH --partition=main\ntrue"));
  EXPECT_EQ(commands.query({id}, "%l %j %P %m"), "2:00 of_script main 100M\n");
}

TEST_F(slurm_commands_test, a_job_submitted_in_a_job_does_not_take_over_its_description) {
  environment_variable job{"SLURM_JOB_ID", "77777"};
  environment_variable hint{"SLURM_HINT", "nomultithread"};
  environment_variable tasks{"SLURM_NTASKS_PER_NODE", "7"};
  environment_variable left{"SLURM_EXPORT_ENV", "NONE"};
  environment_variable mpi{"SLURM_MPI_TYPE", "none"};
  auto environment = environment_in_job("");
  EXPECT_THAT(environment, testing::Contains("SLURM_MPI_TYPE=none"));
  for (const auto& variable : environment)
    for (std::string name : {"SLURM_HINT", "SLURM_NTASKS_PER_NODE", "SLURM_EXPORT_ENV"})
      EXPECT_FALSE(variable.starts_with(name)) << variable;
  EXPECT_THAT(environment, Not(testing::Contains("SLURM_JOB_ID=77777")));
}

TEST_F(slurm_commands_test, everything_works_in_a_program_that_ignores_sigchld) {
  auto before = ::signal(SIGCHLD, SIG_IGN);
  auto id = commands.submit(script("--hold", "true"));
  EXPECT_THAT(commands.test_only(script("", "true")), HasSubstr("to start at"));
  expect_error(error_code::slurm_refused, "nowhere", [&] { commands.submit(script("-p nowhere", "true")); });
  expect_error(error_code::slurm_refused, "nowhere", [&] { commands.test_only(script("-p nowhere", "true")); });
  EXPECT_EQ(commands.query({id}, "%T"), "PENDING\n");
  EXPECT_EQ(commands.query({"99999"}, "%T"), "");
  commands.cancel({id, "99999"});
  EXPECT_EQ(state(id), "CANCELLED");
  ::signal(SIGCHLD, before);
}

TEST_F(slurm_commands_test, many_threads_can_submit_at_once) {
  std::vector<std::string> ids(6);
  std::vector<std::thread> threads;
  for (auto& id : ids)
    threads.emplace_back([&] { id = commands.submit(script("--hold", "true")); });
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(lines(commands.query(ids, "%i")).size(), ids.size());
}

TEST_F(silent_slurm_test, a_controller_that_is_gone_is_told_within_seconds) {
  slurm->kill("slurmctld");
  auto begin = std::chrono::steady_clock::now();
  expect_silence(slurm_commands{}, "Unable to contact slurm controller");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
  slurm->start_again();
  EXPECT_NE(slurm_commands{}.submit(script("--hold", "true")), "");
}

TEST_F(silent_slurm_test, a_controller_that_hangs_is_told_in_slurms_words) {
  auto controller = slurm->pid_of("slurmctld");
  ::kill(controller, SIGSTOP);
  expect_silence(slurm_commands{}, "timed out");
  ::kill(controller, SIGCONT);
}

TEST_F(silent_slurm_test, a_command_that_hangs_is_killed) {
  auto munge = slurm->pid_of("munged"); // SLURM waits for it for ever
  ::kill(munge, SIGSTOP);
  expect_silence(slurm_commands{500ms}, "did not answer");
  ::kill(munge, SIGCONT);
}

TEST_F(silent_slurm_test, a_command_that_hangs_is_given_up_when_stop_is_requested) {
  auto munge = slurm->pid_of("munged");
  ::kill(munge, SIGSTOP);
  std::stop_source source;
  slurm_commands commands{60s, source.get_token()};
  std::thread asks{[&] { expect_error(error_code::shut_down, "jobs", [&] { commands.query({"1"}, "%T"); }); }};
  EXPECT_TRUE(eventually([&] { return !children().empty(); })); // squeue runs
  source.request_stop();
  asks.join();
  ::kill(munge, SIGCONT);
  expect_error(error_code::shut_down, "jobs", [&] { commands.cancel({"1"}); }); // is not even begun
}

TEST(slurm_commands_without_slurm, say_which_command_is_not_on_this_machine) {
  temporary_folder empty;
  environment_variable path{"PATH", empty.path()};
  slurm_commands commands;
  expect_error(error_code::slurm_missing, "no sbatch on this machine", [&] { commands.submit(script("", "true")); });
  expect_error(error_code::slurm_missing, "no sbatch on this machine", [&] { commands.test_only(script("", "true")); });
  expect_error(error_code::slurm_missing, "no squeue on this machine", [&] { commands.query({"1"}, "%i"); });
  expect_error(error_code::slurm_missing, "no scancel on this machine", [&] { commands.cancel({"1"}); });
}

namespace {

/// Commands that behave as the real ones cannot be made to.
class slurm_commands_with_stand_ins : public testing::Test {
protected:
  void put(const std::string& name, const std::string& body) {
    auto file = folder.path() / name;
    std::ofstream{file} << "#!/bin/sh\n" << body << "\n";
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }

  temporary_folder folder;
  environment_variable path{"PATH", folder.path().string() + ":/bin"};
  slurm_commands commands;
};

} // namespace

TEST_F(slurm_commands_with_stand_ins, the_id_is_found_beside_a_clusters_name_and_what_a_wrapper_says) {
  put("sbatch", "cat >/dev/null; echo Welcome to the 2 clusters; echo '12;north'; echo Enjoy your stay");
  EXPECT_EQ(commands.submit("#!/bin/sh\n"), "12");
}

TEST_F(slurm_commands_with_stand_ins, a_job_that_was_queued_is_known_although_sbatch_did_not_end_well) {
  put("sbatch", "echo 12; exec sleep 1000");
  EXPECT_EQ(slurm_commands{500ms}.submit("#!/bin/sh\n"), "12");
}

TEST_F(slurm_commands_with_stand_ins, an_sbatch_that_gives_no_id_is_an_error) {
  put("sbatch", "exit 0");
  expect_error(error_code::slurm_refused, "sbatch gave no number of a job, but nothing; see what the sbatch in PATH is",
               [&] { commands.submit("#!/bin/sh\n"); });
  put("sbatch", "echo Hello world");
  expect_error(error_code::slurm_refused, "but 'Hello world'", [&] { commands.submit("#!/bin/sh\n"); });
  put("sbatch", "kill -KILL $$");
  expect_error(error_code::slurm_refused, "sbatch was killed by signal 9", [&] { commands.submit("#!/bin/sh\n"); });
  put("sbatch", "echo \"sbatch: unrecognized option '--bogus'\" >&2; exit 1");
  expect_error(error_code::slurm_refused, "'--bogus'; correct job_extra", [&] { commands.submit("#!/bin/sh\n"); });
}

TEST_F(slurm_commands_with_stand_ins, a_squeue_that_refuses_all_for_one_unknown_job_is_asked_for_each) {
  put("squeue", R"(for word; do case $word in --jobs=*) ids=${word#--jobs=} ;; esac; done
case $ids in *99*) echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1 ;; esac
echo "$ids")");
  EXPECT_EQ(commands.query({"1", "99", "2"}, "%i"), "1\n2\n");
}

TEST_F(slurm_commands_with_stand_ins, an_scancel_whose_exit_code_does_not_tell_is_believed_its_words) {
  put("scancel", "echo 'scancel: error: Kill job error on job id 1: Access/permission denied' >&2; exit 0");
  expect_error(error_code::slurm_refused, "Access/permission denied", [&] { commands.cancel({"1"}); });
}

TEST(sbatch_environment, keeps_everything_outside_of_a_job) {
  std::vector<std::string> all{"PATH=/bin", "SLURM_HINT=x", "SBATCH_ACCOUNT=a", "SLURM_CONF=c"};
  EXPECT_EQ(sbatch_environment(all, "#!/bin/sh\n#SBATCH --time=3\n"), all);
}

TEST(sbatch_environment, leaves_out_what_a_job_was_told_about_itself) {
  EXPECT_THAT(sbatch_environment({"SLURM_JOB_ID=1", "SLURM_CPUS_PER_TASK=2", "SLURM_CONF=c", "SLURMD_NODENAME=n1",
                                  "SBATCH_ACCOUNT=a", "SLURM_MPI_TYPE=pmix", "HOME=/", "SRUN_DEBUG=3", "SLURMX=1"},
                                 ""),
              ElementsAre("SLURM_CONF=c", "SBATCH_ACCOUNT=a", "SLURM_MPI_TYPE=pmix", "HOME=/", "SLURMX=1"));
}

TEST(sbatch_environment, leaves_out_what_the_script_decides) {
  std::vector<std::string> all{"SBATCH_TIMELIMIT=1", "SBATCH_REQUEUE=1",   "SBATCH_MEM_PER_CPU=1",
                               "SBATCH_OPEN_MODE=t", "SBATCH_PARTITION=p", "SBATCH_ARRAY_INX=0-3",
                               "SBATCH_QOS=q",       "SBATCH_WAIT=1"};
  EXPECT_THAT(sbatch_environment(all, ""), Not(testing::Contains("SBATCH_WAIT=1")));
  EXPECT_EQ(sbatch_environment(all, "").size(), 7U);
  EXPECT_THAT(sbatch_environment(all, "#!/bin/sh\n"
                                      "#SBATCH --time=3 --no-requeue\n"
                                      "\n"
                                      "# text\n"
                                      "#SBATCH --mem 100 -pmain # --array=1\n"
                                      "#SBATCH --open-mode=append\n"
                                      "true\n"
                                      "#SBATCH --qos=x\n"),
              ElementsAre("SBATCH_ARRAY_INX=0-3", "SBATCH_QOS=q"));
}
