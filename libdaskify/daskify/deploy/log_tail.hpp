#pragma once

/// The end of a worker's output, fit to be shown in an error message.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace daskify::internal {

/// The last `max_lines` lines of at most the last `max_bytes` bytes of a file, without a final newline; empty
/// when the file is missing, unreadable, empty or no regular file. Reads no more than that part.
std::string log_tail(const std::filesystem::path& file, std::size_t max_lines = 20, std::size_t max_bytes = 4096);

/// Text that cannot steer a terminal: a carriage return ends a line, every other control character but
/// newline and tab, and every byte that is not UTF-8, becomes '?'. Never longer than `text`.
std::string harmless(std::string_view text);

} // namespace daskify::internal
