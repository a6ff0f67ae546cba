#pragma once

/// How much memory may still be used before the kernel starts to kill processes.
///
/// Thread-safety: no state; every call reads the system afresh.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace daskify::internal {

/// Free memory in bytes, and who grants no more than that.
struct memory_room {
  std::uint64_t bytes;
  std::string limit; ///< "the machine" or "the cgroup /path"
};

/// Gives the text of a file, nothing when it cannot be read. Tests pass a map of made-up files.
using file_reader = std::function<std::optional<std::string>(const std::string& path)>;

std::optional<std::string> read_whole_file(const std::string& path);

/// The smallest of what the machine has available (without swap) and what each memory cgroup (v1 and v2) from
/// this process's own up to the root still allows, counting file pages that the kernel can drop as free.
/// Limits that cannot be read do not count.
memory_room free_memory(const file_reader& read = read_whole_file);

/// Throws data_error{no_room} unless `bytes` fit into `room` with a sixteenth of it to spare for everything
/// else. `what` begins the sentence: "the data for \"x\"".
void require_room(std::uint64_t bytes, std::string_view what, const memory_room& room = free_memory());

/// "12.0 GiB", "1 byte", "17 bytes".
std::string format_bytes(std::uint64_t bytes);

} // namespace daskify::internal
