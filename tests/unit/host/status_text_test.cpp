#include "daskify/host/status_text.hpp"

#include "support/json_check.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <sstream>

using namespace daskify::internal;
using daskify::test::json_check;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace {

cluster_view small_cluster() {
  cluster_view view;
  view.scheduler = {"10.0.0.1", 4711};
  view.all.host = "head";
  view.all.pid = 99;
  view.all.uptime_ms = 3'723'000;
  view.all.mode = "local";
  view.all.log_folder = "/home/me/.daskify/logs/20260501-100000-99";
  view.all.workers = {{worker_id{1}, "worker-0", "head", "head", 100, true, 2, 12 << 20, false, 4},
                      {worker_id{2}, "worker-1", "head", "head", 1001, false, 0, 0, true, 16}};
  view.all.clients = {{worker_id{3},
                       "sweep (pid 7 on head)",
                       2,
                       {10, 4, 1, 4, 1, 0, 0},
                       {{nth_run_of(worker_id{3}, 2), "double (*)(int)", {5, 4, 1, 0, 0, 0, 0}}}}};
  view.nodes.nodes = {{node_id{1}, "head", {1 << 30, 1 << 20, 0, 0, 0}}, {node_id{2}, "n2", {1 << 30, 0, 0, 0, 0}}};
  return view;
}

std::size_t longest_line(const std::string& text) {
  std::istringstream lines{text};
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);)
    longest = std::max(longest, line.size());
  return longest;
}

TEST(status_text, says_all_of_a_small_cluster) {
  EXPECT_EQ(status_text(small_cluster(), 80), R"(Cluster: running for 1h 02m, with workers on this machine
Scheduler: 10.0.0.1:4711, pid 99 on head
Logs: /home/me/.daskify/logs/20260501-100000-99

Workers: 2 (1 busy, 1 leaving)
  NAME      HOST  NODE   PID  CPUS  STATE    TASKS    MEMORY
  worker-0  head  head   100     4  busy         2  12.0 MiB
  worker-1  head  head  1001    16  leaving      0         -

Data: 1.0 MiB in memory, of at most 2.0 GiB, and 0 bytes on disk, on 2 nodes
  NODE   MEMORY    LIMIT     DISK     SENT
  head  1.0 MiB  1.0 GiB  0 bytes  0 bytes

Programs:
  sweep (pid 7 on head):
    2 runs, 10 tasks: 1 running, 4 pending, 4 finished, 1 error
    RUN  FUNCTION         TASKS
    2    double (*)(int)  5 tasks: 1 running, 4 pending
)");
}

TEST(status_text, shortens_names_where_the_terminal_is_narrow) {
  auto view = small_cluster();
  view.all.workers[0].node = "a-node-with-a-name-of-more-than-forty-letters/4711_12";
  view.all.workers[0].host = "a-host-with-a-long-name.of-a-large-site.example";
  view.all.clients[0].open[0].name = "double (*)(" + std::string(200, 'x') + ")";
  auto narrow = status_text(view, 80);
  EXPECT_LE(longest_line(narrow), 80u) << narrow;
  EXPECT_THAT(narrow, AllOf(HasSubstr("~"), HasSubstr("12.0 MiB"), HasSubstr("5 tasks: 1 running, 4 pending")));
  auto wide = status_text(view, std::numeric_limits<std::size_t>::max());
  EXPECT_THAT(wide, AllOf(HasSubstr("letters/4711_12"), HasSubstr(std::string(200, 'x'))));
}

TEST(status_text, cannot_steer_a_terminal) {
  auto view = small_cluster();
  view.all.clients[0].name = "a\x1b[2J\nb";
  view.all.workers[0].node = "n\n\x1b]0;title\a";
  EXPECT_THAT(status_text(view, 80), AllOf(Not(HasSubstr("\x1b")), HasSubstr("  a?[2J b: 2 runs")));
}

TEST(status_text, is_strict_json_for_programs) {
  auto view = small_cluster();
  view.all.clients[0].name = "quo\"te \\ back\x01\n\xff";
  view.all.jobs.system = "SLURM";
  view.all.jobs.wanted = 3;
  view.all.jobs.reasons = {{"Priority", 2}};
  auto text = status_json(view);
  EXPECT_TRUE(json_check::is_json(text)) << text;
  EXPECT_THAT(text,
              AllOf(HasSubstr(R"("memory_bytes": 12582912, "cpus": 4})"), HasSubstr(R"("name": "quo\"te \\ back?\n?")"),
                    HasSubstr(R"("pending_reasons": {"Priority": 2})"), HasSubstr(R"("open_runs": [{"run": 2, )")));
}

TEST(json_check, knows_what_is_json) {
  for (auto good : {"{}", " [1, -2.5e+3, \"a\\u00e9\\n\", null, true, {\"x\": []}] ", "0"})
    EXPECT_TRUE(json_check::is_json(good)) << good;
  for (auto bad : {"", "{", "[1,]", "{\"a\" 1}", "01", "\"a\nb\"", "'a'", "{} {}", "nul", "\"\\x\"", "1."})
    EXPECT_FALSE(json_check::is_json(bad)) << bad;
}

} // namespace
