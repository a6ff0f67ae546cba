#pragma once

/// Immutable objects in shared memory: written once, sealed, then mapped read-only by any process of the
/// user.
///
/// An object lives in a memfd: it has no name in any file system, and the kernel frees it with the last descriptor and
/// mapping, however its processes end. The seals prevent every process from writing to it or changing its size, so a
/// mapping never changes and never raises SIGBUS.
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

/// Identifies a segment for other processes of the machine; valid while process `pid` keeps its segment.
struct segment_locator {
  std::int32_t pid = 0;
  std::int32_t fd = -1;
  std::uint64_t inode = 0; ///< distinguishes the segment from a later file with the same descriptor number
  std::uint64_t size = 0;  ///< bytes

  friend bool operator==(const segment_locator&, const segment_locator&) = default;
};

/// A segment's bytes, mapped read-only: writing to them raises SIGSEGV. Needs no descriptor, and keeps the bytes alive
/// by itself.
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

/// Creates a file without a name for `size` bytes. `name` appears in error messages and, truncated, in
/// /proc/<pid>/maps. Large sizes are checked against the free memory first, because the kernel would kill processes
/// instead of refusing.
file_descriptor create_file(std::string_view name, std::uint64_t size);

/// Makes a complete file immutable for all processes. `name` is for error messages.
segment seal_file(const file_descriptor& file, std::string_view name);

/// A sealed object, kept alive by a read-only descriptor.
class segment {
public:
  std::uint64_t size() const noexcept { return size_; }

  /// The location for other processes, valid while this process keeps the segment.
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
  /// Throws as create_file does.
  segment_writer(std::string_view name, std::uint64_t size);

  /// Appends. `write` into untouched memory is twice as fast as copying through a mapping, which takes a page fault for
  /// each page.
  void write(std::span<const std::byte> bytes);

  /// Ends the writing. REQUIRES: exactly the announced size was written; throws otherwise.
  segment seal() &&;

  /// The checksums of the chunks, after `seal`.
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
  /// As segment_writer. Reserves the memory, so that writing to it cannot fail.
  segment_builder(std::string_view name, std::uint64_t size);
  segment_builder(segment_builder&& other) noexcept = default;
  segment_builder& operator=(segment_builder&&) = delete;

  /// Initially zero; page-aligned (or empty).
  std::span<std::byte> bytes() noexcept {
    return memory_ ? std::span{memory_.get(), memory_.get_deleter().size} : std::span<std::byte>{};
  }

  /// Ends the writing: the bytes are immutable from then on, `bytes()` is invalid.
  segment seal() &&;

private:
  std::string name_;
  file_descriptor file_;
  std::unique_ptr<std::byte, unmap_memory> memory_;
};

/// A block of memory that small objects are appended to. Only this process can write, and only until the writer is
/// destroyed; other processes can read it, and its size cannot change. Movable, not copyable.
class block_writer {
public:
  explicit block_writer(std::uint64_t size);

  std::uint64_t size() const noexcept { return memory_.get_deleter().size; }
  std::uint64_t room() const noexcept { return size() - used_; }

  /// Appends and returns the offset of the bytes, aligned for any type. REQUIRES: there is room.
  std::uint64_t append(std::span<const std::byte> bytes) noexcept;

  /// The block for readers, who may read an object in it as soon as they have received its location.
  const segment& readers() const noexcept { return readers_; }

private:
  block_writer(file_descriptor file, std::uint64_t size);

  std::unique_ptr<std::byte, unmap_memory> memory_;
  segment readers_;
  std::uint64_t used_ = 0;
};

/// Opens another process's segment. The returned segment keeps the memory alive after that process ends.
segment open_segment(const segment_locator& where);

/// Maps another process's segment without keeping a descriptor.
mapped_segment map_segment(const segment_locator& where);

} // namespace daskify::internal
