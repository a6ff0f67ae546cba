#pragma once

/// What a failed system call of the store throws.

#include <string>

namespace daskify::internal {

/// Throws data_error with what `errno` says about `what`, which is the beginning of a sentence: `no_room` where memory,
/// a disk or a quota is full, otherwise `store_failed`.
[[noreturn]] void throw_errno(const std::string& what);

} // namespace daskify::internal
