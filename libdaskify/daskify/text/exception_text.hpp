#pragma once

/// What a thrown object says, fit to be shown on a terminal.

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>

namespace daskify::internal {

/// Bytes of a text that are kept; what is cut off is said to be.
inline constexpr std::size_t longest_exception_text = 4000;

/// At most `longest_exception_text` bytes of `text`, cut between two characters and made printable (see printable.hpp).
std::string shown_text(std::string_view text);

/// what(), and that of each exception nested in it. Reads no more of it than is shown.
std::string text_of(const std::exception& e);

/// The text of the exception that is being handled, whatever was thrown: what(), a text of any character type, a
/// number; of other objects only that they are such. Null pointers are named. Passes on the unwinding of a thread that
/// ends. REQUIRES: an exception is being handled.
std::string text_of_current_exception();

/// The type of the exception that is being handled, as in the source; "" when it is none of C++'s.
std::string type_of_current_exception();

} // namespace daskify::internal
