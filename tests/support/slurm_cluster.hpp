#pragma once

/// A real SLURM for the tests: controller, nodes and munge as processes on this machine, in a temporary folder.
///
/// Needs the packages slurm-wlm and munge, which tests/run installs. Starting takes 0.5 to 1.5 s, stopping 0.3 s, and
/// up to KillWait (5 s) more if jobs that ignore SIGTERM are left.

#include "daskify/os/child_process.hpp"

#include "leftovers.hpp"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace daskify::test {

/// The parameters of slurm-up, see there.
struct slurm_knobs {
  int nodes = 4;          ///< n1 to n4
  int cpus = 4;           ///< per node, as configured
  std::string extra = ""; ///< lines added to slurm.conf
};

/// Runs from its construction to its destruction, or to the end of this process, in whatever way it ends. Sets
/// SLURM_CONF, and removes all other variables of SLURM, for itself and all processes that are started meanwhile. One
/// at a time.
class slurm_cluster {
public:
  /// Throws std::runtime_error with the reason, and the end of SLURM's logs.
  explicit slurm_cluster(const slurm_knobs& knobs = {}) {
    std::vector<std::string> names;
    for (char** variable = environ; *variable; ++variable)
      for (auto prefix : {"SLURM_", "SBATCH_", "SQUEUE_", "SCANCEL_"})
        if (std::string text = *variable; text.starts_with(prefix))
          names.push_back(text.substr(0, text.find('=')));
    for (const auto& name : names)
      ::unsetenv(name.c_str());
    ::setenv("SLURM_UP_NODES", std::to_string(knobs.nodes).c_str(), 1);
    ::setenv("SLURM_UP_CPUS", std::to_string(knobs.cpus).c_str(), 1);
    ::setenv("SLURM_UP_EXTRA", knobs.extra.c_str(), 1);
    start_supervisor();
    for (auto name : {"SLURM_UP_NODES", "SLURM_UP_CPUS", "SLURM_UP_EXTRA"})
      ::unsetenv(name);

    auto said = what_it_says('\n');
    if (!said.starts_with("up ")) {
      said += "\n" + what_it_says();
      stop();
      throw std::runtime_error{"SLURM for the tests cannot be started: " + said};
    }
    state_ = said.substr(3);
    auto elsewhere = state_ / "run" / "slurm.conf"; // used if the path would be too long for sockets
    configuration_ = std::filesystem::exists(elsewhere) ? elsewhere : state_ / "slurm.conf";
    ::setenv("SLURM_CONF", configuration_.c_str(), 1);
  }
  slurm_cluster(const slurm_cluster&) = delete;
  slurm_cluster& operator=(const slurm_cluster&) = delete;

  /// Cancels all jobs and waits until everything has ended and is removed.
  ~slurm_cluster() {
    stop();
    ::unsetenv("SLURM_CONF");
  }

  /// slurm.conf; logs are in log/ beside it.
  const std::filesystem::path& configuration() const { return configuration_; }

  /// The process of "munged", "slurmctld" or, for node n1, "slurmd-n1".
  int pid_of(const std::string& daemon) const {
    std::ifstream file{configuration_.parent_path() / (daemon + ".pid")};
    int pid = 0;
    if (!(file >> pid) || pid <= 0)
      throw std::runtime_error{"no pid of " + daemon};
    return pid;
  }

  /// Kills a daemon and waits for its end.
  void kill(const std::string& daemon) const {
    int pid = pid_of(daemon);
    ::kill(pid, SIGKILL);
    EXPECT_TRUE(eventually([&] { return !is_alive(pid); }));
  }

  /// Restarts the daemons that were killed, and waits until the nodes are ready.
  void start_again() const {
    auto command = "'" + (scripts() / "slurm-up").string() + "' '" + state_.string() + "' >/dev/null 2>&1";
    EXPECT_EQ(std::system(command.c_str()), 0);
  }

private:
  static std::filesystem::path scripts() { return std::filesystem::path{DASKIFY_SOURCE_DIR} / "tests/support/slurm"; }

  void start_supervisor() {
    int lifeline[2];
    int news[2];
    if (::pipe2(lifeline, O_CLOEXEC) != 0 || ::pipe2(news, O_CLOEXEC) != 0)
      throw std::runtime_error{"no pipe"};
    lifeline_ = lifeline[1];
    news_ = news[0];
    // A grandchild in a session of its own, so that signals to this process and its children do not reach it.
    auto script = scripts() / "slurm-while";
    pid_t child = ::fork();
    if (child == 0) {
      ::setsid();
      if (::fork() != 0)
        ::_exit(0);
      int null = ::open("/dev/null", O_RDWR);
      int from = ::fcntl(lifeline[0], F_DUPFD, 10);
      int to = ::fcntl(news[1], F_DUPFD, 10);
      for (int standard : {0, 1, 2})
        ::dup2(null, standard);
      ::dup2(from, 3);
      ::dup2(to, 4);
      ::close_range(5, ~0U, 0);
      ::execl("/bin/bash", "bash", script.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(lifeline[0]);
    ::close(news[1]);
    ::waitpid(child, nullptr, 0);
  }

  /// Reads what the supervisor writes, up to a character or to its end.
  std::string what_it_says(std::optional<char> until = std::nullopt) const {
    std::string text;
    char c = 0;
    while (::read(news_, &c, 1) == 1 && c != until)
      text += c;
    return text;
  }

  void stop() {
    ::close(lifeline_);
    what_it_says();
    ::close(news_);
  }

  std::filesystem::path state_;
  std::filesystem::path configuration_;
  int lifeline_ = -1;
  int news_ = -1;
};

/// Fixture of tests that need SLURM: one cluster for the whole suite, or for the one test that ctest starts a process
/// for. The tests fail if it cannot be started. A suite that needs another one hides SetUpTestSuite and calls start.
class slurm_test : public testing::Test {
public:
  static void SetUpTestSuite() { start({}); }
  static void TearDownTestSuite() { slurm.reset(); }

protected:
  static void start(const slurm_knobs& knobs) {
    try {
      slurm = std::make_unique<slurm_cluster>(knobs);
      reason.clear();
    } catch (const std::exception& e) {
      reason = e.what(); // a failure here would make ctest report the tests as skipped
    }
  }

  void SetUp() override { ASSERT_TRUE(slurm) << reason; }

  static inline std::unique_ptr<slurm_cluster> slurm;
  static inline std::string reason;
};

} // namespace daskify::test
