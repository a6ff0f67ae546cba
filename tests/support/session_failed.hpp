#pragma once

#include "daskify/error.hpp"

#include <functional>
#include <gtest/gtest.h>
#include <string>

namespace daskify::test {

/// Expects the call to throw cluster_error(session_failed) with `what` in its text.
inline void expect_failed(const std::function<void()>& call, const std::string& what) {
  try {
    call();
    FAIL() << "did not fail: " << what;
  } catch (const cluster_error& e) {
    EXPECT_EQ(e.code(), error_code::session_failed);
    EXPECT_NE(std::string{e.what()}.find(what), std::string::npos) << e.what();
  }
}

} // namespace daskify::test
