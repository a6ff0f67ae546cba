/// Clusters on hosts that ssh reaches: a real sshd on this machine, which has several names.

#include "support/child_program.hpp"
#include "support/cluster_of_two.hpp"
#include "support/ssh_hosts.hpp"

#include <csignal>
#include <optional>

namespace {

using namespace std::chrono_literals;
using namespace daskify::test;
using daskify::cluster_mode;
using daskify::iterables;
using testing::AllOf;
using testing::HasSubstr;
using strings = std::vector<std::string>;

int slow_square(int x) {
  std::this_thread::sleep_for(10ms);
  return x * x;
}

class on_hosts : public testing::Test {
protected:
  void SetUp() override {
    if (auto why = ssh_hosts::why_not(); !why.empty())
      GTEST_SKIP() << why;
    ssh.emplace(strings{"n1", "n2"});
  }

  daskify::options of_hosts(daskify::options with = {}) const {
    with.mode = cluster_mode::hosts;
    if (!with.hosts)
      with.hosts = strings{"n1", "n2"};
    with.job_extra = strings{ssh->option()};
    with.session_directory = base.path().string();
    with.progress = daskify::progress_style::off;
    return with;
  }

  strings arguments(strings more = {}) const {
    more.insert(more.end(), {"--mode", "hosts", "--daskify.job_extra=" + ssh->option(),
                             "--daskify.session_directory=" + base.path().string()});
    return more;
  }

  /// The sentence with which a start fails.
  std::string refusal_of(const daskify::options& with) const {
    auto cluster = program_with(of_hosts(with));
    try {
      cluster.start_cluster();
    } catch (const daskify::error& e) {
      return e.what();
    }
    return "started";
  }

  /// "" for a process that is gone.
  static std::string of_process(const std::filesystem::path& process, const char* what) {
    std::string text;
    std::getline(std::ifstream{process / what}, text, '\x01');
    return text;
  }

  /// The processes of the scheduler, the nodes and the workers: all have been passed the base folder.
  std::set<int> processes_of_session() const {
    std::set<int> found;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
      auto pid = std::atoi(entry.path().filename().c_str());
      auto command = pid == 0 ? "ssh" : of_process(entry, "cmdline");
      auto is_of_session = (of_process(entry, "environ") + command).find(base.path().string()) != command.npos;
      if (is_of_session && is_alive(pid) && command.find("ssh") == command.npos)
        found.insert(pid);
    }
    return found;
  }

  temporary_folder base;
  std::optional<ssh_hosts> ssh;
};

TEST_F(on_hosts, runs_tasks_on_each_of_them_and_leaves_nothing) {
  auto before = leftovers(base.path());
  {
    auto cluster = program_with(of_hosts({.processes = 2, .start_when = 4}));
    cluster.start_cluster();
    std::set<std::string> nodes;
    for (const auto& w : cluster.workers())
      nodes.insert(w.node.substr(w.node.find('/') + 1));
    EXPECT_THAT(nodes, testing::ElementsAre("n1-1", "n2-1"));
    auto squares = cluster.run(square, daskify::args(), iterables(daskify::range(1000)));
    auto values = cluster.gather_data(squares);
    for (int i = 0; i < 1000; ++i)
      EXPECT_EQ(values[static_cast<std::size_t>(i)], i * i);
  }
  EXPECT_EQ(leftovers(base.path()), before);
}

TEST_F(on_hosts, gives_hosts_several_nodes_where_size_asks_for_more) {
  auto cluster = program_with(of_hosts({.size = 3, .start_when = 3}));
  cluster.start_cluster();
  EXPECT_EQ(cluster.workers().size(), 3u);
}

TEST_F(on_hosts, replaces_a_node_that_is_killed_and_loses_no_result) {
  auto cluster = program_with(of_hosts({.start_when = 2}));
  cluster.start_cluster();
  auto node = parent_of(cluster.workers().at(0).pid);
  auto squares = cluster.run(slow_square, daskify::args(), iterables(daskify::range(200)));
  ASSERT_TRUE(eventually([&] { return cluster.check_progress(squares).done() > 10; }));
  ::kill(node, SIGKILL);
  auto values = cluster.gather_data(squares);
  for (int i = 0; i < 200; ++i)
    EXPECT_EQ(values[static_cast<std::size_t>(i)], i * i);
}

TEST_F(on_hosts, ends_all_nodes_when_the_scheduler_is_killed) {
  for (int signal : {SIGKILL, SIGTERM}) {
    child_program scheduler{"daskify-scheduler",
                            arguments({"--start-workers", "--daskify.hosts=n1,n2", "--daskify.start_when=2",
                                       "--daskify.worker_program=" DASKIFY_BIN_DIR "/hello_sweep",
                                       "--daskify.connection_directory=" + (base.path() / "c").string()})};
    ASSERT_TRUE(eventually([&] { return processes_of_session().size() == 5; })) << scheduler.output();
    scheduler.signal(signal);
    scheduler.wait();
    EXPECT_TRUE(eventually([&] { return processes_of_session().empty(); })) << signal;
    EXPECT_TRUE(eventually([&] { return entries(base.path(), "daskify-").empty(); })) << signal;
  }
}

TEST_F(on_hosts, says_what_ssh_says_of_a_host_that_it_does_not_reach) {
  EXPECT_THAT(refusal_of({.hosts = strings{"daskify-has-no-such-host.invalid"}}),
              AllOf(HasSubstr("daskify-has-no-such-host.invalid-1 failed (ssh ended with exit code 255)"),
                    HasSubstr("Could not resolve hostname")));
}

TEST_F(on_hosts, does_not_speak_with_a_host_whose_key_has_changed) {
  ssh->change_known_key();
  EXPECT_THAT(refusal_of({}), HasSubstr("Host key verification failed"));
}

TEST_F(on_hosts, says_which_line_of_the_prologue_failed) {
  EXPECT_THAT(refusal_of({.job_prologue = strings{"module-that-is-not-there load"}}),
              HasSubstr("module-that-is-not-there: not found"));
}

TEST_F(on_hosts, goes_on_with_the_hosts_that_are_reached) {
  auto cluster = program_with(of_hosts({.hosts = strings{"daskify-has-no-such-host.invalid", "n2"}}));
  cluster.start_cluster();
  EXPECT_EQ(cluster.submit(square, 7).get(), 49);
}

TEST_F(on_hosts, refuses_options_of_ssh_that_would_take_the_lifeline_from_a_node) {
  auto with = of_hosts();
  with.job_extra = strings{"-n"};
  auto cluster = program_with(with);
  EXPECT_THROW(cluster.start_cluster(), daskify::config_error);
}

} // namespace
