#pragma once

/// Immutable objects in shared memory: written once, sealed, then mapped read-only by any process of the
/// user.
///
/// An object lives in a memfd: it has no name in any file system, and the kernel frees it with the last
/// descriptor and mapping, however its processes end. The seals make it impossible, for everybody, to write
/// to it or to change its size, so a mapping never changes and never raises SIGBUS.
///
///     segment_writer -> write ... -> seal -> segment -> locator   (sent to another process)
///                                               |           |
///                                              map     open_segment, map_segment
///
/// Errors: everything here throws data_error, `no_room` when memory (or a limit on it) is short, otherwise
/// `store_failed`. Thread-safety: const members from any thread, others one at a time.

#include "daskify/os/file_descriptor.hpp"
#include "daskify/scattered.hpp" // object_alignment
#include "daskify/store/checksum.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace daskify::internal {

/// Where a segment is, for other processes of the machine: valid while process `pid` keeps its segment.
struct segment_locator {
  std::int32_t pid = 0;
  std::int32_t fd = -1;
  std::uint64_t inode = 0; ///< tells the segment from a later file with the same descriptor number
  std::uint64_t size = 0;  ///< bytes

  friend bool operator==(const segment_locator&, const segment_locator&) = default;
};

/// A segment's bytes, mapped read-only: a write to them is a SIGSEGV. Needs no descriptor, and keeps the
/// bytes alive by itself.
class mapped_segment {
public:
  mapped_segment() = default;
  mapped_segment(mapped_segment&& other) noexcept : bytes_{std::exchange(other.bytes_, {})} {}
  mapped_segment& operator=(mapped_segment&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~mapped_segment();

  /// Begins at a page boundary (or is empty).
  std::span<const std::byte> view() const noexcept { return bytes_; }

private:
  friend class segment;
  explicit mapped_segment(std::span<const std::byte> bytes) : bytes_{bytes} {}

  std::span<const std::byte> bytes_;
};

class segment;

/// A new file of no name, which can hold `size` bytes. `name` appears in error messages and, cut short, in
/// /proc/<pid>/maps. Large sizes are checked against the free memory first, for the kernel would kill processes
/// instead of refusing.
file_descriptor create_file(std::string_view name, std::uint64_t size);

/// Makes a filled file unchangeable for everybody. `name` is that of an error message.
segment seal_file(const file_descriptor& file, std::string_view name);

/// A sealed object, kept alive by a read-only descriptor.
class segment {
public:
  std::uint64_t size() const noexcept { return size_; }

  /// Lets other processes find the segment while this one keeps it.
  segment_locator locator() const noexcept;

  mapped_segment map() const;

  const std::shared_ptr<const file_descriptor>& file() const noexcept { return file_; }

private:
  friend segment seal_file(const file_descriptor& file, std::string_view name);
  friend segment open_segment(const segment_locator&);
  friend class block_writer;
  explicit segment(file_descriptor file);

  std::shared_ptr<const file_descriptor> file_;
  std::uint64_t inode_;
  std::uint64_t size_;
};

/// Fills a new object of known size.
class segment_writer {
public:
  /// As create_file.
  segment_writer(std::string_view name, std::uint64_t size);

  /// Appends. `write` into untouched memory is twice as fast as copying through a mapping, which takes a page
  /// fault for each page.
  void write(std::span<const std::byte> bytes);

  /// Ends the writing. REQUIRES: exactly the announced size was written; throws otherwise.
  segment seal() &&;

  /// Of what was written, after `seal`.
  chunk_checksums sums() { return sums_.take(); }

private:
  std::string name_;
  std::string what_; // "shared memory for 'name'"
  std::uint64_t size_;
  std::uint64_t written_ = 0;
  chunk_hasher sums_;
  file_descriptor file_;
};

struct unmap_memory {
  std::size_t size = 0;
  void operator()(std::byte* memory) const noexcept;
};

/// A new object of known size that is filled in place. Movable, not copyable.
class segment_builder {
public:
  /// As segment_writer. The room is reserved here, so that writing to it cannot fail.
  segment_builder(std::string_view name, std::uint64_t size);
  segment_builder(segment_builder&& other) noexcept = default;
  segment_builder& operator=(segment_builder&&) = delete;

  /// Zeros to begin with; at a page boundary (or empty).
  std::span<std::byte> bytes() noexcept {
    return memory_ ? std::span{memory_.get(), memory_.get_deleter().size} : std::span<std::byte>{};
  }

  /// Ends the writing: nobody can change the bytes any more, `bytes()` is gone.
  segment seal() &&;

private:
  std::string name_;
  file_descriptor file_;
  std::unique_ptr<std::byte, unmap_memory> memory_;
};

/// A block of memory that small objects are put into one after the other. Only this process can write, and only until
/// the writer is destroyed; all others see what is there, and nobody can change the size. Movable, not copyable.
class block_writer {
public:
  explicit block_writer(std::uint64_t size);

  std::uint64_t size() const noexcept { return memory_.get_deleter().size; }
  std::uint64_t room() const noexcept { return size() - used_; }

  /// Where the bytes are now, aligned for any type. REQUIRES: there is room.
  std::uint64_t append(std::span<const std::byte> bytes) noexcept;

  /// The block for readers, who may look as soon as they have been told of an object in it.
  const segment& readers() const noexcept { return readers_; }

private:
  block_writer(file_descriptor file, std::uint64_t size);

  std::unique_ptr<std::byte, unmap_memory> memory_;
  segment readers_;
  std::uint64_t used_ = 0;
};

/// Takes a share in another process's segment, which then outlives that process.
segment open_segment(const segment_locator& where);

/// Maps another process's segment without keeping a descriptor.
mapped_segment map_segment(const segment_locator& where);

} // namespace daskify::internal
