#pragma once

/// Checksums of objects: one per chunk, and one over all of them.
///
/// A chunk is the unit of transfer and of verification: a chunk that is damaged in transfer or on disk is detected at
/// once and requested again from another node. The checksum is XXH3, 64 bits (https://xxhash.com): it detects
/// accidents, not forgeries.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace daskify::internal {

/// Bytes of a chunk; the last one of an object may have fewer. Large enough that a message per chunk costs nothing,
/// small enough to stay in a CPU's cache while it is checked and written.
inline constexpr std::uint64_t chunk_size = std::uint64_t{1} << 20;

/// Chunks of an object of `size` bytes; an empty object has none.
constexpr std::uint64_t chunks_of(std::uint64_t size) noexcept {
  return size / chunk_size + (size % chunk_size != 0);
}

/// Bytes of one chunk. REQUIRES: chunk < chunks_of(size).
constexpr std::uint64_t bytes_of_chunk(std::uint64_t size, std::uint64_t chunk) noexcept {
  return size - chunk * chunk_size < chunk_size ? size - chunk * chunk_size : chunk_size;
}

using chunk_checksums = std::vector<std::uint64_t>;

std::uint64_t checksum_of(std::span<const std::byte> bytes) noexcept;

/// The checksum of each chunk of an object that is contiguous in memory.
chunk_checksums checksums_of_chunks(std::span<const std::byte> object);

/// The same for an object that is provided in pieces.
class chunk_hasher {
public:
  chunk_hasher();
  ~chunk_hasher();

  /// Bytes until the next chunk begins.
  std::uint64_t left_in_chunk() const noexcept { return chunk_size - in_chunk_; }
  void add(std::span<const std::byte> bytes);
  /// Returns the checksums. Nothing may be added after that.
  chunk_checksums take();

private:
  struct state;
  std::unique_ptr<state> state_; ///< of a chunk that is not complete yet
  std::uint64_t in_chunk_ = 0;
  chunk_checksums sums_;
};

/// The checksum of an object of `size` bytes, from those of its chunks.
std::uint64_t checksum_of_object(std::uint64_t size, const chunk_checksums& chunks) noexcept;

/// Identifies a value by its bytes: XXH3, 128 bits.
using content_hash = std::array<std::uint64_t, 2>;
content_hash hash_of_content(std::span<const std::byte> bytes) noexcept;

} // namespace daskify::internal
