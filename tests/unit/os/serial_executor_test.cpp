#include "daskify/os/serial_executor.hpp"

#include "daskify/error.hpp"
#include "support/no_more_threads.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <future>
#include <memory>

namespace daskify::internal {
namespace {

TEST(serial_executor, does_one_piece_after_the_other) {
  std::promise<std::string> done;
  serial_executor work;
  auto order = std::make_shared<std::string>();
  work.post([order] { *order += 'a'; });
  work.post([order, &done] { done.set_value(*order + 'b'); });
  EXPECT_EQ(done.get_future().get(), "ab");
}

TEST(serial_executor, says_that_no_thread_can_be_started_and_leaves_the_signals_as_they_were) {
  sigset_t before;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  {
    test::no_more_threads here;
    try {
      serial_executor refused;
      ADD_FAILURE() << "a thread was started";
    } catch (const cluster_error& e) {
      EXPECT_EQ(e.code(), error_code::session_failed);
    }
  }
  sigset_t after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(::sigismember(&after, SIGINT), ::sigismember(&before, SIGINT));
  EXPECT_EQ(::sigismember(&after, SIGTERM), ::sigismember(&before, SIGTERM));
}

} // namespace
} // namespace daskify::internal
