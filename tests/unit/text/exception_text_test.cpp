#include "daskify/text/exception_text.hpp"

#include "daskify/error.hpp"
#include "daskify/program/task_program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace daskify::internal {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

template <class T>
std::string text_of_thrown(T thrown) {
  try {
    throw thrown;
  } catch (...) {
    return text_of_current_exception();
  }
}

struct says : std::exception {
  explicit says(const char* text) : text_{text} {}
  const char* what() const noexcept override { return text_; }
  const char* text_;
};

TEST(exception_text, is_what_of_an_exception) {
  EXPECT_EQ(text_of_thrown(std::runtime_error{"no file\nof that\tname"}), "no file\nof that\tname");
  EXPECT_EQ(text_of_thrown(says{""}), "");
}

TEST(exception_text, names_null_pointers) {
  EXPECT_EQ(text_of_thrown(says{nullptr}), "what() is a null pointer");
  EXPECT_EQ(text_of_thrown(static_cast<const char*>(nullptr)), "a null pointer instead of a text");
  EXPECT_EQ(text_of_thrown(static_cast<char*>(nullptr)), "a null pointer instead of a text");
  EXPECT_EQ(text_of_thrown(static_cast<const wchar_t*>(nullptr)), "a null pointer instead of a text");
  EXPECT_EQ(text_of_thrown(static_cast<const char8_t*>(nullptr)), "a null pointer instead of a text");
  EXPECT_EQ(text_of_thrown(static_cast<const char16_t*>(nullptr)), "a null pointer instead of a text");
  EXPECT_EQ(text_of_thrown(static_cast<const char32_t*>(nullptr)), "a null pointer instead of a text");
  EXPECT_EQ(text_of_thrown(nullptr), "a null pointer instead of a text");
}

TEST(exception_text, is_that_of_a_thrown_text_of_any_character_type) {
  EXPECT_EQ(text_of_thrown("plain"), "plain");
  EXPECT_EQ(text_of_thrown(std::string{"plain"}), "plain");
  EXPECT_EQ(text_of_thrown(std::string_view{"plain"}), "plain");
  EXPECT_EQ(text_of_thrown(L"größer \U0001f600"), "gr\u00f6\u00dfer \U0001f600");
  EXPECT_EQ(text_of_thrown(u8"größer \U0001f600"), "gr\u00f6\u00dfer \U0001f600");
  EXPECT_EQ(text_of_thrown(u"größer \U0001f600"), "gr\u00f6\u00dfer \U0001f600");
  EXPECT_EQ(text_of_thrown(U"größer \U0001f600"), "gr\u00f6\u00dfer \U0001f600");
  EXPECT_EQ(text_of_thrown(std::wstring{L"\u20ac"}), "\u20ac");
  EXPECT_EQ(text_of_thrown(std::u8string{u8"\u20ac"}), "\u20ac");
  EXPECT_EQ(text_of_thrown(std::u16string{u"\u20ac"}), "\u20ac");
  EXPECT_EQ(text_of_thrown(std::u32string{U"\u20ac"}), "\u20ac");
}

TEST(exception_text, replaces_what_is_no_character) {
  EXPECT_EQ(text_of_thrown(std::u16string{u'a', char16_t{0xd800}, u'b'}), "a?b") << "half of a pair";
  EXPECT_EQ(text_of_thrown(std::u16string{char16_t{0xd83d}}), "?") << "half of a pair, at the end";
  EXPECT_EQ(text_of_thrown(std::u32string{char32_t{0x110000}}), "?");
  EXPECT_EQ(text_of_thrown(std::wstring{static_cast<wchar_t>(-1)}), "?");
}

TEST(exception_text, is_that_of_a_thrown_number) {
  EXPECT_EQ(text_of_thrown(-7), "-7");
  EXPECT_EQ(text_of_thrown(7U), "7");
  EXPECT_EQ(text_of_thrown(7L), "7");
  EXPECT_EQ(text_of_thrown(sizeof(int)), "4");
  EXPECT_EQ(text_of_thrown(0.5), "0.5");
  EXPECT_EQ(text_of_thrown('x'), "an object that is not a std::exception");
}

TEST(exception_text, cannot_steer_a_terminal) {
  EXPECT_EQ(text_of_thrown(std::runtime_error{"\x1b[2Jgone\a"}), "?[2Jgone?");
  EXPECT_EQ(text_of_thrown(L"\x9b"
                           L"1m"),
            "??1m");
  EXPECT_EQ(text_of_thrown(std::string{"a\0b", 3}), "a?b");
}

TEST(exception_text, is_cut_between_two_characters_and_says_so) {
  EXPECT_EQ(text_of_thrown(std::string(4000, 'x')), std::string(4000, 'x'));
  EXPECT_EQ(text_of_thrown(std::string(4001, 'x')), std::string(4000, 'x') + " ... (cut)");
  std::string euros;
  while (euros.size() < 5000)
    euros += "\u20ac";
  auto cut = text_of_thrown(euros);
  EXPECT_THAT(cut, EndsWith("\u20ac ... (cut)"));
  EXPECT_THAT(cut, SizeIs(3999 + std::string{" ... (cut)"}.size()));
  EXPECT_THAT(text_of_thrown(std::wstring(100'000, L'\u20ac')), EndsWith("\u20ac ... (cut)"));
}

TEST(exception_text, has_the_texts_of_nested_exceptions) {
  try {
    try {
      try {
        throw 42;
      } catch (...) {
        std::throw_with_nested(std::domain_error{"no root"});
      }
    } catch (...) {
      std::throw_with_nested(std::runtime_error{"cannot solve"});
    }
  } catch (...) {
    auto text = text_of_current_exception();
    EXPECT_THAT(text, StartsWith("cannot solve; caused by "));
    EXPECT_THAT(text, HasSubstr("std::domain_error"));
    EXPECT_THAT(text, EndsWith(": no root; caused by int: 42"));
  }
}

TEST(exception_text, has_what_is_nested_in_an_object_that_is_no_exception) {
  struct plain {};
  try {
    try {
      throw std::runtime_error{"inner"};
    } catch (...) {
      std::throw_with_nested(plain{});
    }
  } catch (...) {
    EXPECT_EQ(text_of_current_exception(),
              "an object that is not a std::exception; caused by std::runtime_error: inner");
  }
}

struct with_nothing_nested : std::runtime_error, std::nested_exception {
  using runtime_error::runtime_error;
};

TEST(exception_text, says_nothing_of_a_nested_exception_that_is_none) {
  EXPECT_EQ(text_of_thrown(with_nothing_nested{"alone"}), "alone");
}

TEST(exception_text, ends_where_exceptions_are_nested_without_end) {
  std::exception_ptr deep;
  for (int i = 0; i < 100; ++i)
    try {
      if (deep)
        std::rethrow_exception(deep);
      throw std::runtime_error{"0"};
    } catch (...) {
      try {
        std::throw_with_nested(std::runtime_error{std::to_string(i + 1)});
      } catch (...) {
        deep = std::current_exception();
      }
    }
  try {
    std::rethrow_exception(deep);
  } catch (...) {
    auto whole = text_of_current_exception();
    EXPECT_THAT(whole, StartsWith("100; caused by "));
    EXPECT_THAT(whole, HasSubstr(": 93"));
    EXPECT_THAT(whole, testing::Not(HasSubstr(": 90")));
  }
}

} // namespace
} // namespace daskify::internal
