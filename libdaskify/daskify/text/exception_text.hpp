#pragma once

/// Texts of thrown objects, printable on a terminal.

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>

namespace daskify::internal {

/// Maximum length of a text in bytes; longer texts are cut, and marked as such.
inline constexpr std::size_t longest_exception_text = 4000;

/// At most `longest_exception_text` bytes of `text`, cut between two characters and made printable (see printable.hpp).
std::string shown_text(std::string_view text);

/// what() of `e` and of each exception nested in it. Reads only as much as is shown.
std::string text_of(const std::exception& e);

/// The text of the exception that is being handled, of whatever type: what(), a text of any character type, or a
/// number; for other objects only that they are no std::exception. Names null pointers. Rethrows the forced unwinding
/// of a thread that ends. REQUIRES: an exception is being handled.
std::string text_of_current_exception();

/// The type of the exception that is being handled, as in the source; "" for exceptions of other languages.
std::string type_of_current_exception();

} // namespace daskify::internal
