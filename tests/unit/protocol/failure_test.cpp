#include "daskify/protocol/failure.hpp"

#include "daskify/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>

using namespace daskify;
using namespace daskify::internal;
using testing::EndsWith;
using testing::StartsWith;

namespace {

failure described(auto thrown) {
  try {
    throw thrown;
  } catch (...) {
    return describe_current_exception();
  }
}

TEST(describe_current_exception, gives_type_and_text_of_what_was_thrown) {
  auto null = described(static_cast<const char*>(nullptr));
  EXPECT_EQ(null.code, error_code::task_threw);
  EXPECT_EQ(null.type, "char const*");
  EXPECT_EQ(null.text, "a null pointer instead of a text");
  EXPECT_EQ(described(std::invalid_argument{"bad"}).type, "std::invalid_argument");
}

TEST(describe_current_exception, keeps_the_code_of_data_errors_and_makes_their_text_harmless) {
  auto why = described(data_error{error_code::object_lost, "gone\x1b"});
  EXPECT_EQ(why.code, error_code::object_lost);
  EXPECT_EQ(why.text, "gone?");
}

TEST(describe_current_exception, passes_on_the_innermost_sentence_of_tasks_in_tasks) {
  task_details inner;
  inner.type = "daskify::task_error";
  inner.text = "deep \x1b" + std::string(5000, 'x');
  auto why = described(task_error{error_code::task_threw, "outer", inner});
  EXPECT_THAT(why.text, StartsWith("deep ?x"));
  EXPECT_THAT(why.text, EndsWith(" ... (cut)"));
  inner.type = "int";
  EXPECT_EQ(described(task_error{error_code::task_threw, "outer", inner}).text, "outer");
}

} // namespace
