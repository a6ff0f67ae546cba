#include "daskify/text/exception_text.hpp"

#include "daskify/text/demangle.hpp"
#include "daskify/text/printable.hpp"

#include <cxxabi.h>

#include <array>
#include <charconv>
#include <cstring>
#include <typeinfo>

namespace daskify::internal {

namespace {

/// Maximum depth of nested exceptions whose texts are included.
constexpr std::size_t deepest_nesting = 8;

constexpr std::string_view no_text = "an object that is not a std::exception";

/// The rest would be cut off anyway, and a text may be longer than the remaining memory.
constexpr std::size_t longest_read = longest_exception_text + 1;

void append_utf8(std::string& text, std::uint32_t code) {
  auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  auto put_tail = [&](unsigned shift) { put(0x80U | (code >> shift & 0x3fU)); };
  bool is_half_of_a_pair = code >= 0xd800 && code < 0xe000;
  if (is_half_of_a_pair || code >= 0x110000) {
    put('?');
  } else if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0U | code >> 6);
    put_tail(0);
  } else if (code < 0x10000) {
    put(0xe0U | code >> 12);
    put_tail(6);
    put_tail(0);
  } else {
    put(0xf0U | code >> 18);
    put_tail(12);
    put_tail(6);
    put_tail(0);
  }
}

/// The beginning of a text of any character type, as UTF-8; invalid characters become '?'.
template <class Char>
std::string start_of(std::basic_string_view<Char> text) {
  std::string start;
  for (std::size_t i = 0; i < text.size() && start.size() < longest_read; ++i) {
    auto code = static_cast<std::uint32_t>(text[i]);
    if constexpr (sizeof(Char) == 1) {
      start += static_cast<char>(text[i]);
    } else {
      if (sizeof(Char) == 2 && code >> 10 == 0xd800U >> 10 && i + 1 < text.size())
        if (auto next = static_cast<std::uint32_t>(text[i + 1]); next >> 10 == 0xdc00U >> 10) {
          code = 0x10000U + ((code & 0x3ffU) << 10) + (next & 0x3ffU);
          ++i;
        }
      append_utf8(start, code);
    }
  }
  return start;
}

template <class Char>
std::string start_of(const Char* text) {
  if (!text)
    return "a null pointer instead of a text";
  std::size_t length = 0;
  while (length < longest_read && text[length] != Char{})
    ++length;
  return start_of(std::basic_string_view<Char>{text, length});
}

template <class Number>
std::string number_text(Number value) {
  std::array<char, 64> digits;
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr};
}

std::string current_text(std::size_t depth);

/// Empty if no exception is nested.
std::string nested_text(const std::nested_exception* outer, std::size_t depth) {
  if (!outer || !outer->nested_ptr() || depth == deepest_nesting)
    return {};
  try {
    outer->rethrow_nested();
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {
    return "; caused by " + type_of_current_exception() + ": " + current_text(depth + 1);
  }
}

std::string text_with_nested(const std::exception& e, std::size_t depth) {
  const auto* what = e.what();
  auto text = what ? start_of(what) : "what() is a null pointer";
  return text + nested_text(dynamic_cast<const std::nested_exception*>(&e), depth);
}

/// For objects that are no std::exception.
std::string text_of_other_object(std::size_t depth) {
  try {
    throw;
  } catch (const char* text) {
    return start_of(text);
  } catch (const wchar_t* text) {
    return start_of(text);
  } catch (const char8_t* text) {
    return start_of(text);
  } catch (const char16_t* text) {
    return start_of(text);
  } catch (const char32_t* text) {
    return start_of(text);
  } catch (const std::string& text) {
    return start_of(std::string_view{text});
  } catch (const std::wstring& text) {
    return start_of(std::wstring_view{text});
  } catch (const std::u8string& text) {
    return start_of(std::u8string_view{text});
  } catch (const std::u16string& text) {
    return start_of(std::u16string_view{text});
  } catch (const std::u32string& text) {
    return start_of(std::u32string_view{text});
  } catch (const std::string_view& text) {
    return start_of(text);
  } catch (int number) {
    return number_text(number);
  } catch (unsigned number) {
    return number_text(number);
  } catch (long number) {
    return number_text(number);
  } catch (unsigned long number) {
    return number_text(number);
  } catch (double number) {
    return number_text(number);
  } catch (const std::nested_exception& e) {
    return std::string{no_text} + nested_text(&e, depth);
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {
    return std::string{no_text};
  }
}

std::string current_text(std::size_t depth) {
  try {
    throw;
  } catch (const std::exception& e) {
    return text_with_nested(e, depth);
  } catch (abi::__forced_unwind&) {
    throw; // the thread is being ended; this must not be caught
  } catch (...) {
    return text_of_other_object(depth);
  }
}

} // namespace

std::string shown_text(std::string_view text) {
  if (text.size() <= longest_exception_text)
    return printable(text);
  auto length = longest_exception_text;
  while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0U) == 0x80U)
    --length; // do not cut inside a character
  return printable(text.substr(0, length)) + " ... (cut)";
}

std::string text_of(const std::exception& e) {
  return shown_text(text_with_nested(e, 0));
}

std::string text_of_current_exception() {
  return shown_text(current_text(0));
}

std::string type_of_current_exception() {
  const auto* type = abi::__cxa_current_exception_type();
  return type ? shown_text(demangle(type->name())) : std::string{};
}

} // namespace daskify::internal
