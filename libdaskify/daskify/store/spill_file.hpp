#pragma once

/// Blocks of a store on disk, in files without a name: the kernel frees them with their last descriptor, however the
/// process ends.
///
/// Errors: data_error, `no_room` if the disk is full, `object_lost` if the data were damaged, otherwise `store_failed`.

#include "daskify/os/file_descriptor.hpp"
#include "daskify/store/checksum.hpp"
#include "daskify/store/shared_memory.hpp"

#include <filesystem>
#include <vector>

namespace daskify::internal {

/// The location of one object in a block, and the checksums of its chunks.
struct piece_of_block {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  chunk_checksums sums;
};

/// A block on disk.
struct spilled_block {
  file_descriptor file;
  std::uint64_t missing = 0; ///< bytes of the reserve that are no longer free on the disk
};

/// Copies a block to a new file in `folder`, which is created if necessary (mode 0700). Unless `may_use_it`, at least
/// `reserve` bytes must be free on the disk afterwards.
spilled_block spill_to_disk(const std::filesystem::path& folder, const segment& block, std::uint64_t reserve = 0,
                            bool may_use_it = false);

/// Reads a block back into memory, and verifies every object in it.
segment load_from_disk(const file_descriptor& file, const std::vector<piece_of_block>& objects);

/// The reason why no files can be created in `folder`, which is created if necessary; empty if they can.
std::string why_no_spilling(const std::filesystem::path& folder);

} // namespace daskify::internal
