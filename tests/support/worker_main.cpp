/// main of tests that start clusters: the same program is the worker. After every test, nothing may be left behind.

#include "leftovers.hpp"

#include <daskify/daskify.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

namespace {

class nothing_is_left : public testing::EmptyTestEventListener {
public:
  explicit nothing_is_left(std::filesystem::path sessions) : sessions_{std::move(sessions)} {}

  void OnTestStart(const testing::TestInfo&) override { before_ = daskify::test::leftovers(sessions_); }

  void OnTestEnd(const testing::TestInfo&) override {
    EXPECT_EQ(daskify::test::leftovers(sessions_), before_);
    EXPECT_EQ(daskify::test::children(), std::set<int>{});
  }

private:
  std::filesystem::path sessions_;
  std::set<std::string> before_;
};

} // namespace

int main(int argc, char** argv) {
  daskify::daskified becomes_worker{argc, argv};
  testing::InitGoogleTest(&argc, argv);
  // A client that a test has started, and may kill, uses the folder of that test, and leaves the judgement to it.
  if (std::getenv("DASKIFY_SESSION_DIRECTORY"))
    return RUN_ALL_TESTS();
  // Programs that the tests start make their session folders here, too.
  daskify::test::temporary_folder sessions;
  ::setenv("DASKIFY_SESSION_DIRECTORY", sessions.path().c_str(), 1);
  testing::UnitTest::GetInstance()->listeners().Append(new nothing_is_left{sessions.path()});
  return RUN_ALL_TESTS();
}
