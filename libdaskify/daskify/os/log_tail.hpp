#pragma once

/// The end of a worker's output, fit to be shown in an error message.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace daskify::internal {

/// The last bytes of a log, as they are.
struct log_end {
  std::string bytes;
  std::uint64_t size = 0; ///< of the whole file when it was read
};

/// At most the last `max_bytes` bytes of a file; nothing when it is missing, unreadable or no regular file. Reads no
/// more than that part.
log_end read_log_end(const std::filesystem::path& file, std::size_t max_bytes = 4096);

/// The last `max_lines` lines of what was written after the first `since` bytes of the file, without a final newline.
/// A line whose beginning was not read is left out, unless it is the only one.
std::string last_lines(const log_end& log, std::size_t max_lines, std::uint64_t since = 0);

/// read_log_end and last_lines in one call.
std::string log_tail(const std::filesystem::path& file, std::size_t max_lines = 20, std::size_t max_bytes = 4096);

} // namespace daskify::internal
