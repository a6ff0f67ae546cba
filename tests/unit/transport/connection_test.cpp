#include "daskify/transport/connection.hpp"

#include "daskify/error.hpp"
#include "support/sample_connection.hpp"
#include "support/session_failed.hpp"

#include <gtest/gtest.h>
#include <random>
#include <string>
#include <string_view>

using namespace daskify;
using namespace daskify::internal;
using namespace daskify::test;

namespace {

bool is_accepted(std::string_view text) {
  try {
    return format_connection(parse_connection(text, "file")) == text;
  } catch (const cluster_error& e) {
    EXPECT_EQ(e.code(), error_code::session_failed);
    return false;
  }
}

} // namespace

TEST(connection_text, gives_back_what_was_written) {
  EXPECT_EQ(parse_connection(format_connection(sample_connection()), "file"), sample_connection());
}

TEST(connection_text, names_the_file_and_the_way_out_when_it_is_damaged) {
  expect_failed([] { parse_connection("junk", "/some/file"); }, "'/some/file'");
  expect_failed([] { parse_connection("junk", "/some/file"); }, "remove it once no scheduler");
}

TEST(connection_text, is_refused_when_it_was_not_written_by_us) {
  const auto good = format_connection(sample_connection());
  ASSERT_TRUE(is_accepted(good));
  auto changed = [&](std::string_view from, std::string_view to) {
    auto text = good;
    auto at = text.find(from);
    EXPECT_NE(at, text.npos) << from;
    return text.replace(at, from.size(), to);
  };
  for (const auto& text : {
           changed("session 1", "session 2"),
           changed("session s-1", "session "),
           changed("session s-1", "session s 1"),
           changed("session s-1", "session s\t1"),
           changed("session s-1", "session \xff"),
           changed("session s-1\n", ""),
           changed("session s-1\n", "session s-1\nsession s-1\n"),
           changed(" 4711", " 0"),
           changed(" 4711", " 65536"),
           changed(" 4711", " 04711"),
           changed(" 4711", " -1"),
           changed(" 4711", ""),
           changed("secret a", "secret A"),
           changed("secret a", "secret "),
           changed("secret a", "secret aa"),
           changed("owner ", "owner -"),
           changed("owner ", "owner 999999999999"),
           changed("build b0b1", "build"),
           changed("\nend\n", "\nend"),
           changed("\nend\n", "\n"),
           changed("\nend\n", "\nend\n\n"),
           changed("\nend\n", "\nother x\nend\n"),
           changed("\n", "\r\n"),
           good + std::string(1 << 17, '\n'),
           std::string(1 << 17, 'x'),
           std::string(1, '\0'),
       })
    EXPECT_FALSE(is_accepted(text)) << text.substr(0, 400);
  auto homeless = sample_connection();
  homeless.addresses.clear();
  EXPECT_FALSE(is_accepted(format_connection(homeless)));
}

TEST(connection_text, is_refused_when_it_ends_anywhere_before_its_end) {
  const auto good = format_connection(sample_connection());
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_FALSE(is_accepted(std::string_view{good}.substr(0, length))) << length;
}

TEST(connection_text, that_is_accepted_after_random_damage_means_what_it_says) {
  std::mt19937 random{7};
  auto below = [&](std::size_t limit) { return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random); };
  const auto good = format_connection(sample_connection());
  for (int i = 0; i < 20'000; ++i) {
    auto text = good;
    for (auto times = 1 + below(4); times != 0; --times)
      text[below(text.size())] = static_cast<char>(below(256));
    try {
      auto parsed = parse_connection(text, "file");
      ASSERT_EQ(format_connection(parsed), text);
      ASSERT_EQ(parsed.secret.size(), 64U);
      ASSERT_EQ(parsed.addresses.size(), 2U);
      ASSERT_GT(parsed.owner.pid, 0);
    } catch (const cluster_error&) {
      continue; // refused is as good
    }
  }
}
