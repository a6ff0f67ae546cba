#include "daskify/deploy/local/local_fleet.hpp"

#include "daskify/defaults.hpp"
#include "daskify/error.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/os/log_tail.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace daskify::internal {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// A fleet of one process, which writes its pid into a pipe, and then waits.
class fleet_of_one : public testing::Test {
protected:
  void SetUp() override {
    auto name = testing::TempDir() + "fleet-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    ASSERT_EQ(::mkfifo((folder_ / "pids").c_str(), 0600), 0);
    pids_ = file_descriptor{::open((folder_ / "pids").c_str(), O_RDWR | O_CLOEXEC)};
    std::ofstream{program()} << "#!/bin/sh\necho $$ > '" << (folder_ / "pids").string() << "'\nexec sleep 1000\n";
    fs::permissions(program(), fs::perms::owner_all);

    local_fleet::setup with;
    with.program = program();
    with.name = "worker";
    with.log_folder = folder_;
    with.environment = [](std::uint32_t, const std::string&) {
      return std::vector<std::pair<std::string, std::string>>{};
    };
    with.on_exit = [this](std::uint32_t, std::int32_t, const std::string&, log_end) { told(ends_); };
    with.on_exhausted = [this](const std::string& reason) {
      reason_ = reason;
      told(exhausted_);
    };
    fleet_.emplace(std::move(with));
    fleet_->start();
    first_ = started();
    fleet_->enrolled(0);
  }
  void TearDown() override {
    fleet_.reset();
    fs::remove_all(folder_);
  }

  fs::path program() const { return folder_ / "program"; }
  void take_program_away() { fs::rename(program(), folder_ / "elsewhere"); }
  void bring_program_back() { fs::rename(folder_ / "elsewhere", program()); }

  /// The pid of the process that was started next, waiting for it; 0: none was started in time.
  pid_t started() {
    std::string line;
    pollfd readable{pids_.get(), POLLIN, 0};
    char byte = 0;
    while (::poll(&readable, 1, 20'000) == 1 && ::read(pids_.get(), &byte, 1) == 1 && byte != '\n')
      line += byte;
    return line.empty() ? 0 : std::stoi(line);
  }

  void told(int& what) {
    {
      std::lock_guard guard{mutex_};
      ++what;
    }
    told_.notify_all();
  }
  void wait_for(const int& what, int times) {
    std::unique_lock lock{mutex_};
    EXPECT_TRUE(told_.wait_for(lock, 20s, [&] { return what >= times; }));
  }

  fs::path folder_;
  file_descriptor pids_;
  std::mutex mutex_;
  std::condition_variable told_;
  int ends_ = 0;
  int exhausted_ = 0;
  std::string reason_;
  pid_t first_ = 0;
  std::optional<local_fleet> fleet_; // last, because its callbacks use the other members
};

TEST_F(fleet_of_one, starts_another_process_in_the_place_of_one_that_died) {
  ::kill(first_, SIGKILL);
  auto second = started();
  EXPECT_NE(second, 0);
  EXPECT_NE(second, first_);
}

TEST_F(fleet_of_one, tries_a_start_again_that_the_system_refused) {
  take_program_away();
  ::kill(first_, SIGKILL);
  wait_for(ends_, 1);
  bring_program_back();
  EXPECT_NE(started(), 0);
  EXPECT_EQ(exhausted_, 0);
}

TEST_F(fleet_of_one, gives_up_a_process_that_cannot_be_started_again_and_again_and_says_why) {
  take_program_away();
  ::kill(first_, SIGKILL);
  wait_for(exhausted_, 1);
  EXPECT_NE(reason_.find("program"), std::string::npos) << reason_;
  EXPECT_EQ(fleet_->given_up(), std::vector<std::uint32_t>{0});
  EXPECT_EQ(fleet_->problem(), reason_);
}

TEST_F(fleet_of_one, is_waited_for_until_as_many_have_enrolled_as_asked_for) {
  EXPECT_NO_THROW(fleet_->wait_enrolled(20s));
  EXPECT_NO_THROW(fleet_->wait_enrolled(20s, 7)) << "all of them are enough";
  EXPECT_EQ(fleet_->count_enrolled(), 1u);
  EXPECT_TRUE(fleet_->given_up().empty());
  ::kill(first_, SIGKILL);
  started(); // and has not enrolled
  EXPECT_NO_THROW(fleet_->wait_enrolled(20s, 0));
  EXPECT_THROW(fleet_->wait_enrolled(1ms, 1), cluster_error);
  EXPECT_EQ(fleet_->count_enrolled(), 0u);
}

TEST_F(fleet_of_one, ends_while_a_start_is_to_be_tried_again) {
  take_program_away();
  ::kill(first_, SIGKILL);
  wait_for(ends_, 1);
  fleet_.reset();
  EXPECT_EQ(exhausted_, 0);
}

} // namespace
} // namespace daskify::internal
