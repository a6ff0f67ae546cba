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

/// Free memory in bytes, and who grants no more than that.
struct memory_room {
  std::uint64_t bytes;
  std::string limit; ///< "the machine" or "the control group /sys/fs/cgroup/..."
};

/// Gives the text of a file, an empty one when it cannot be read.
using file_reader = std::function<std::string(const std::filesystem::path&)>;

/// The smallest of what the machine has available (without swap) and what each memory control group (version
/// 1 or 2) from this process's own up to the root still allows, file pages that the kernel can drop counting
/// as free. Limits that cannot be read do not count.
memory_room free_memory(const file_reader& read = read_small_file);

/// Throws data_error{no_room} unless `bytes` fit into `room` and leave a sixteenth of it for everything else.
/// `what` is the subject of the sentence: "shared memory for 'x'".
void require_room(std::uint64_t bytes, std::string_view what, const memory_room& room = free_memory());

/// What the stores of a machine may take together of so much free memory when nobody says otherwise.
std::uint64_t share_for_stores(std::uint64_t free_bytes);

} // namespace daskify::internal
