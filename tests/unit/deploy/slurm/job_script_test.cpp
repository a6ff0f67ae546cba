#include "daskify/deploy/slurm/job_script.hpp"

#include "daskify/error.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace daskify;
using namespace daskify::internal;
using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::HasSubstr;
using testing::Not;

namespace {

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream{file, std::ios::binary};
  EXPECT_TRUE(stream) << file;
  return {std::istreambuf_iterator<char>{stream}, {}};
}

std::string golden(const std::string& name) {
  return text_of(std::filesystem::path{DASKIFY_SOURCE_DIR} / "tests/golden/job_script" / (name + ".sh"));
}

job_request smallest_request() {
  job_request request;
  request.command = {"/usr/bin/true"};
  return request;
}

job_request usual_request() {
  job_request request;
  request.name = "sweep";
  request.queue = "long";
  request.account = "physics";
  request.jobs = 10;
  request.cores = 4;
  request.memory = 2'000'000'000;
  request.walltime = 90min + 1s;
  request.job_extra = {"--gres=gpu:1", "-C skylake"};
  request.job_prologue = {"module load gcc/12", "source ~/setup.sh"};
  request.output = "/home/me/logs/worker-%A_%a.log";
  request.working_directory = "/home/me";
  request.environment = {{"SWEEP_SESSION", "/home/me/session"}, {"SWEEP_NOTE", "two words"}};
  request.command = {"/home/me/sweep", "--steps=100"};
  return request;
}

job_request allocation_request() {
  auto request = usual_request();
  request.shape = job_shape::allocation;
  request.output = "/home/me/logs/nodes-%j.log";
  return request;
}

job_request nasty_request() {
  job_request request;
  request.name = "a 'b' \"c\" \\ # $HOME `id`";
  request.shape = job_shape::separate;
  request.job_extra = {"--comment=#1; $(id)", "--comment two words"};
  request.output = file_pattern("/tmp/50% \"of\" it's #1/") + "log-%j";
  request.working_directory = "/tmp/a b";
  request.environment = {{"NASTY", "line\r\n#SBATCH --exclusive\n'$(id)'"}};
  request.command = {"/tmp/my program", "", "it's", "$HOME", "a\nb"};
  return request;
}

std::string refusal_of(const job_request& request) {
  try {
    job_script(request);
  } catch (const config_error& refused) {
    EXPECT_EQ(refused.code(), error_code::bad_option_value);
    return refused.what();
  }
  return "none";
}

template <class Change>
std::string refusal_with(Change change) {
  auto request = smallest_request();
  change(request);
  return refusal_of(request);
}

template <class Change>
std::string script_with(Change change) {
  auto request = smallest_request();
  change(request);
  return job_script(request);
}

class job_script_test : public testing::Test {
protected:
  void SetUp() override {
    auto name = testing::TempDir() + "job-script-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// Returns the exit code; the output is in `output_`.
  int run(const job_request& request) {
    auto script = (folder_ / "script").string();
    auto output = (folder_ / "output").string();
    std::ofstream{script, std::ios::binary} << job_script(request);
    auto status = std::system(("bash " + script + " > " + output + " 2>&1").c_str());
    output_ = text_of(output);
    return WEXITSTATUS(status);
  }

  int run_prologue(std::vector<std::string> lines) {
    auto request = smallest_request();
    request.job_prologue = std::move(lines);
    request.command = {"echo", "started"};
    return run(request);
  }

  std::filesystem::path folder_;
  std::string output_;
};

} // namespace

TEST(job_script, writes_the_smallest_script) {
  EXPECT_EQ(job_script(smallest_request()), golden("smallest"));
}

TEST(job_script, writes_an_array) {
  EXPECT_EQ(job_script(usual_request()), golden("array"));
}

TEST(job_script, writes_separate_jobs) {
  auto request = usual_request();
  request.shape = job_shape::separate;
  EXPECT_EQ(job_script(request), golden("separate"));
}

TEST(job_script, writes_an_allocation) {
  EXPECT_EQ(job_script(allocation_request()), golden("allocation"));
}

TEST(job_script, quotes_whatever_it_is_given) {
  EXPECT_EQ(job_script(nasty_request()), golden("nasty"));
}

TEST(job_script, rounds_up_what_it_asks_for) {
  EXPECT_THAT(script_with([](auto& r) { r.memory = 1; }), HasSubstr("--mem=1M\n"));
  EXPECT_THAT(script_with([](auto& r) { r.memory = (1 << 20) + 1; }), HasSubstr("--mem=2M\n"));
  EXPECT_THAT(script_with([](auto& r) { r.memory = UINT64_MAX; }), HasSubstr("--mem=17592186044416M\n"));
  EXPECT_THAT(script_with([](auto& r) { r.walltime = 1s; }), HasSubstr("--time=00:01:00\n"));
  EXPECT_THAT(script_with([](auto& r) { r.walltime = 25h; }), HasSubstr("--time=1-01:00:00\n"));
}

TEST(job_script, an_allocation_asks_for_memory_by_core_as_tasks_may_share_nodes) {
  auto script = script_with([](auto& r) {
    r.shape = job_shape::allocation;
    r.memory = 1000 << 20;
    r.cores = 3;
  });
  EXPECT_THAT(script, HasSubstr("--mem-per-cpu=334M\n"));
  EXPECT_THAT(script, Not(HasSubstr("--mem=")));
}

TEST(job_script, srun_gets_no_argument_that_it_takes_for_the_end_of_the_command) {
  auto script = script_with([](auto& r) {
    r.shape = job_shape::allocation;
    r.command = {"/bin/echo", "a", ":", "it's"};
  });
  EXPECT_THAT(script, HasSubstr(R"(/bin/sh -c 'exec /bin/echo a : '\''it'\''\'\'''\''s'\''')"));
}

TEST(job_script, an_extra_option_may_have_its_value_behind_a_blank) {
  EXPECT_THAT(script_with([](auto& r) { r.job_extra = {"-C a&b"}; }), HasSubstr("#SBATCH -C 'a&b'\n"));
  EXPECT_THAT(script_with([](auto& r) { r.job_extra = {"--comment=a b"}; }), HasSubstr("#SBATCH --comment='a b'\n"));
  EXPECT_THAT(script_with([](auto& r) { r.job_extra = {"--exclusive "}; }), HasSubstr("#SBATCH --exclusive\n"));
}

TEST(job_script, says_what_cannot_be_written) {
  EXPECT_EQ(refusal_with([](auto& r) { r.name = "a\nb"; }),
            "'--job-name=a\\x0ab' cannot be written on a #SBATCH line: it holds a newline");
  EXPECT_EQ(refusal_with([](auto& r) { r.output = "a\\b"; }),
            "The log of a batch job cannot be 'a\\b': SLURM puts no job number into a path with a backslash; name "
            "another folder by log_directory");
  EXPECT_EQ(refusal_with([](auto& r) { r.jobs = 0; }),
            "A batch job needs at least one process and one core for it, not 0 and 1");
  EXPECT_EQ(refusal_with([](auto& r) { r.walltime = -1s; }),
            "The walltime of a batch job must be from 0 to 2147483587 s, not -1 s");
  EXPECT_EQ(refusal_with([](auto& r) { r.walltime = std::chrono::seconds::max(); }),
            "The walltime of a batch job must be from 0 to 2147483587 s, not 9223372036854775807 s");
  EXPECT_EQ(refusal_with([](auto& r) { r.job_extra = {"gres=gpu:1"}; }),
            "The sbatch option 'gres=gpu:1' must begin with '-', like --gres=gpu:1");
  EXPECT_NE(refusal_with([](auto& r) { r.job_extra = {"--"}; }), "none");
  EXPECT_EQ(refusal_with([](auto& r) { r.job_extra = {"--wait"}; }),
            "The option '--wait' of sbatch cannot be in job_extra: sbatch would print the job's number only after "
            "its end");
  for (auto option :
       {"-J x", "--job-name=x", "--job-na=x", "-W", "--array=0-3", "--array 0-3", "-a0-3", "-a 0-3", "--output=x",
        "-o x", "--error=x", "-ex", "--clusters=c", "-Mc", "--test-only", "-QJx", "-HQo x", "-QW"})
    EXPECT_THAT(refusal_with([&](auto& r) { r.job_extra = {option}; }), HasSubstr("cannot be in job_extra")) << option;
  for (auto option : {"--wait-all-nodes=1", "--account=a", "-A a", "-w n1", "-HQ", "-QwJ", "--exclusive", "--export=A",
                      "--open-mode=append"})
    EXPECT_EQ(refusal_with([&](auto& r) { r.job_extra = {option}; }), "none") << option;
  EXPECT_NE(refusal_with([](auto& r) { r.job_extra = {""}; }), "none");
  EXPECT_EQ(refusal_with([](auto& r) { r.job_prologue = {"a\nb"}; }),
            "A line of the job's prologue, 'a\\x0ab', holds a newline or NUL character: make each line an entry of its "
            "own");
  EXPECT_NE(refusal_with([](auto& r) { r.job_prologue = {"module load a\r"}; }), "none");
  EXPECT_NE(refusal_with([](auto& r) { r.job_prologue = {"a\0b"s}; }), "none");
  for (auto name : {"", "1A", "A-B", "A=B", "A B", "Ä", "A\n", "UID"})
    EXPECT_NE(refusal_with([&](auto& r) { r.environment = {{name, "x"}}; }), "none") << name;
  EXPECT_NE(refusal_with([](auto& r) { r.environment = {{"A", "\0"s}}; }), "none");
  EXPECT_EQ(refusal_with([](auto& r) { r.command = {}; }), "A batch job needs a program to run");
  EXPECT_EQ(refusal_with([](auto& r) { r.command = {"-c"}; }),
            "A batch job cannot run '-c': it would be taken for an option");
}

TEST(job_script, a_path_is_no_pattern) {
  EXPECT_EQ(file_pattern("/home/100%/%j"), "/home/100%%/%%j");
}

TEST_F(job_script_test, variables_and_arguments_arrive_byte_for_byte) {
  std::string value;
  for (int byte = 1; byte < 256; ++byte)
    value += static_cast<char>(byte);
  value += "\r\n\n'";
  auto request = smallest_request();
  request.environment = {{"VALUE", value}};
  request.command = {"bash", "-c", "printf '%s|%s' \"$VALUE\" \"$1\"", "bash", value};
  EXPECT_EQ(run(request), 0);
  EXPECT_EQ(output_, value + "|" + value);
}

TEST_F(job_script_test, what_a_task_writes_has_the_users_umask) {
  auto request = smallest_request();
  request.command = {"bash", "-c", "umask"};
  auto before = ::umask(027);
  auto exit_code = run(request);
  ::umask(before);
  EXPECT_EQ(exit_code, 0);
  EXPECT_EQ(output_, "0027\n");
}

TEST_F(job_script_test, a_prologue_that_fails_ends_the_job) {
  EXPECT_EQ(run_prologue({"module() { return 3; }", "module load nothing"}), 1);
  EXPECT_EQ(output_, "Line 11 of the job script failed.\n");
  EXPECT_EQ(run_prologue({"cd /nonexistent"}), 1);
  EXPECT_THAT(output_, HasSubstr("Line 10 of the job script failed.\n"));
}

TEST_F(job_script_test, a_prologue_may_be_as_careless_as_most_are) {
  std::ofstream{folder_ / "setup.sh"} << "false\ntest -z \"$NEVER_SET\" && false\nexport FOUND=yes\n";
  EXPECT_EQ(run_prologue({"echo \"$NEVER_SET\"", "module() { false; return 0; }", "module load gcc",
                          "[ -n \"$NEVER_SET\" ] && echo set", "if false; then :; fi",
                          "source " + (folder_ / "setup.sh").string(), "echo found $FOUND \\"}),
            0);
  EXPECT_EQ(output_, "\nfound yes\nstarted\n");
}

TEST_F(job_script_test, the_program_is_the_job_itself_so_that_signals_reach_it) {
  auto request = smallest_request();
  request.job_prologue = {"echo $$"};
  request.command = {"bash", "-c", "echo $$"};
  EXPECT_EQ(run(request), 0);
  auto first_line = output_.substr(0, output_.find('\n') + 1);
  EXPECT_EQ(output_, first_line + first_line);
}
