#pragma once

/// A scheduler and workers as separate programs, for tests that are their clients.

#include "child_program.hpp"
#include "leftovers.hpp"
#include "program_with.hpp"

#include <daskify/daskify.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace daskify::test {

inline const std::string this_program = std::filesystem::read_symlink("/proc/self/exe");

/// The code and the text of the error that `f` throws.
template <class F>
std::pair<error_code, std::string> refusal(F&& f) {
  try {
    f();
  } catch (const daskify::error& e) {
    return {e.code(), e.what()};
  }
  return {error_code::none, "nothing was thrown"};
}

/// A scheduler with a folder of its own; the test starts workers and clients.
struct standing_cluster : testing::Test {
  temporary_folder base;
  std::filesystem::path folder = base.path() / "cluster";
  std::unique_ptr<child_program> scheduler;
  std::ostringstream unread;

  std::vector<std::string> with_folder(std::vector<std::string> more) const {
    more.insert(more.begin(), {"--daskify.connection_directory", folder.string()});
    return more;
  }

  void start_scheduler(const std::vector<std::string>& more = {}) {
    scheduler = std::make_unique<child_program>("daskify-scheduler", with_folder(more));
    ASSERT_TRUE(scheduler->says("listens at")) << scheduler->output();
  }

  std::unique_ptr<child_program> start_workers(int count, std::vector<std::string> more = {"--program", this_program}) {
    more.insert(more.end(), {"--daskify.size", std::to_string(count)});
    auto workers = std::make_unique<child_program>("daskify-worker", with_folder(more));
    EXPECT_TRUE(workers->says("has joined")) << workers->output();
    return workers;
  }

  daskify::daskified client(daskify::options with = {}) const {
    with.mode = daskify::cluster_mode::connect;
    if (!with.connection_directory)
      with.connection_directory = folder.string();
    with.progress = daskify::progress_style::off;
    return program_with(with, "a_client");
  }

  std::string line_of_connection(const std::string& key) const {
    std::ifstream in{folder / "scheduler"};
    for (std::string line; std::getline(in, line);)
      if (line.starts_with(key + " "))
        return line.substr(key.size() + 1);
    return {};
  }

  /// "127.0.0.1:4711"
  std::string address() const {
    auto text = line_of_connection("address");
    if (auto blank = text.find(' '); blank != text.npos)
      text[blank] = ':';
    return text;
  }
};

} // namespace daskify::test
