#pragma once

/// Throws the exception for a failed system call of the store.

#include <string>

namespace daskify::internal {

/// Throws data_error with the sentence that begins with `what` and ends with the reason in `errno`: `no_room` if
/// memory, a disk or a quota is full, otherwise `store_failed`.
[[noreturn]] void throw_errno(const std::string& what);

} // namespace daskify::internal
