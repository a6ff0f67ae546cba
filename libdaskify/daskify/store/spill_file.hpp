#pragma once

/// Blocks of a store on disk, in files without a name: the kernel frees them with their last descriptor, however the
/// process ends.
///
/// Errors: data_error, `no_room` when the disk is full, `object_lost` for what comes back damaged, else `store_failed`.

#include "daskify/os/file_descriptor.hpp"
#include "daskify/store/checksum.hpp"
#include "daskify/store/shared_memory.hpp"

#include <filesystem>
#include <vector>

namespace daskify::internal {

/// Where one object lies in a block, and what its chunks have to look like.
struct piece_of_block {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  chunk_checksums sums;
};

/// A block on disk.
struct spilled_block {
  file_descriptor file;
  std::uint64_t missing = 0; ///< bytes of the reserve that are not free on the disk any more
};

/// Copies a block to a new file in `folder`, which is made if need be (mode 0700). Unless it may use the reserve, so
/// many bytes must be free on the disk afterwards.
spilled_block spill_to_disk(const std::filesystem::path& folder, const segment& block, std::uint64_t reserve = 0,
                            bool may_use_it = false);

/// Reads a block back into memory, and checks every object in it.
segment load_from_disk(const file_descriptor& file, const std::vector<piece_of_block>& objects);

/// Why no files can be made in `folder`, which is made if need be; empty when they can.
std::string why_no_spilling(const std::filesystem::path& folder);

} // namespace daskify::internal
