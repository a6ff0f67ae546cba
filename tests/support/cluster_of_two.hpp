#pragma once

/// A started cluster of two worker processes, for tests; and functions for it to run.

#include "leftovers.hpp"
#include "program_with.hpp"

#include <daskify/daskify.hpp>

#include <gmock/gmock.h>

namespace daskify::test {

inline int square(int x) {
  return x * x;
}

inline int odd_only(int x) {
  if (x % 2 == 0)
    throw std::invalid_argument{"even: " + std::to_string(x)};
  return x;
}

/// Two workers; the session folder is in a folder of the test's own.
struct cluster_of_two : testing::Test {
  temporary_folder base;
  std::set<std::string> before = leftovers(base.path());
  daskify::daskified cluster = make();

  daskify::daskified make(daskify::options with = {}) {
    if (!with.size)
      with.size = 2;
    with.session_directory = base.path().string();
    with.progress = daskify::progress_style::off;
    return program_with(with);
  }

  void SetUp() override { cluster.start_cluster(); }

  void TearDown() override {
    std::vector<int> pids;
    try {
      for (const auto& w : cluster.workers())
        pids.push_back(w.pid);
    } catch (const daskify::cluster_error&) {
      // The test has shut it down itself.
    }
    cluster.shutdown_cluster();
    for (auto pid : pids)
      EXPECT_FALSE(is_alive(pid));
    EXPECT_EQ(leftovers(base.path()), before);
  }
};

} // namespace daskify::test
