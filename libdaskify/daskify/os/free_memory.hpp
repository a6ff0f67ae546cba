#pragma once

/// How much memory may still be used before the kernel starts to kill processes.
///
/// Thread-safety: no state; every call reads the system afresh.

#include "daskify/os/control_groups.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace daskify::internal {

/// Free memory in bytes, and the limit that determines it.
struct memory_room {
  std::uint64_t bytes;
  std::string limit; ///< "the machine" or "the control group /sys/fs/cgroup/..."
};

/// Returns the contents of a file; empty if it cannot be read.
using file_reader = std::function<std::string(const std::filesystem::path&)>;

/// Returns the minimum of the machine's available memory (without swap) and of what each memory control group (version
/// 1 or 2) from this process's own up to the root still allows. File pages that the kernel can drop count as free.
/// Limits that cannot be read are ignored.
memory_room free_memory(const file_reader& read = read_small_file);

/// Throws data_error{no_room} unless `bytes` fit into `room` and leave a sixteenth of it for everything else.
/// `what` is the subject of the sentence: "shared memory for 'x'".
void require_room(std::uint64_t bytes, std::string_view what, const memory_room& room = free_memory());

/// The default limit in bytes for all stores of a machine together, for `free_bytes` of free memory.
std::uint64_t share_for_stores(std::uint64_t free_bytes);

} // namespace daskify::internal
