#pragma once

/// An object of which some chunks may not have arrived yet.

#include "daskify/bytes.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/protocol/ids.hpp"
#include "daskify/store/checksum.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

namespace daskify::internal {

/// An object on this node, complete or still arriving, shared by the threads that read and write its chunks. A chunk
/// that is present matches its checksum and never changes. Thread-safe.
class chunked_object {
public:
  /// A complete object: `size` bytes of `file` from `offset` on. REQUIRES: `sums` has the checksum of each of its
  /// chunks.
  chunked_object(object_id id, std::shared_ptr<const file_descriptor> file, std::uint64_t offset, std::uint64_t size,
                 chunk_checksums sums);

  /// An arriving object, which is written to `file` from its beginning. `checksum` (as `checksum_of_object`) comes from
  /// a trusted source; everything received from other nodes is checked against it.
  chunked_object(object_id id, std::shared_ptr<const file_descriptor> file, std::uint64_t size, std::uint64_t checksum);

  /// An arriving object that is kept in memory until `take_bytes`. REQUIRES: at most one chunk.
  chunked_object(object_id id, std::uint64_t size, std::uint64_t checksum);

  object_id id() const noexcept { return id_; }
  std::uint64_t size() const noexcept { return size_; }
  std::uint64_t checksum() const noexcept { return checksum_; }
  std::uint64_t chunks() const noexcept { return chunks_of(size_); }

  /// The location of a chunk, once it is present: the file (-1: in memory) and the offset in it.
  int file() const noexcept { return file_ ? file_->get() : -1; }
  std::uint64_t offset_of(std::uint64_t chunk) const noexcept { return offset_ + chunk * chunk_size; }

  /// REQUIRES here and below: chunk < chunks().
  bool has(std::uint64_t chunk) const;
  bool is_whole() const;
  bool is_failed() const;
  bool is_closed() const;

  /// Null until the checksums are known; they never change after that.
  const chunk_checksums* sums() const;

  /// Sets the checksums of the chunks, before any chunk is written. False if they do not match the object's checksum.
  /// Not needed for an object of one chunk: its checksum follows from the object's checksum.
  bool learn_sums(chunk_checksums sums);

  /// Checks a chunk and stores it; does nothing if it is present already. False if the bytes do not match the checksum.
  /// Throws data_error if they cannot be stored, or after `fail`.
  bool write(std::uint64_t chunk, std::span<const std::byte> bytes);

  /// Waits for the chunk, at most this long, and only as long as it can still arrive. True if the chunk is present.
  bool wait_for(std::uint64_t chunk, std::chrono::milliseconds longest, std::stop_token stop = {}) const;

  /// As `sums`, but waits as `wait_for` does.
  const chunk_checksums* wait_for_sums(std::chrono::milliseconds longest, std::stop_token stop = {}) const;

  /// Missing chunks will not arrive any more: ends all waits for them.
  void fail();

  /// The bytes of an object in memory. REQUIRES: it is complete; called once.
  byte_buffer take_bytes();

  /// Other nodes get no more chunks of this object.
  void close();

private:
  bool nothing_will_come() const noexcept { return failed_ || closed_; }
  bool fits(std::uint64_t chunk, std::span<const std::byte> bytes);
  void store(std::uint64_t chunk, std::span<const std::byte> bytes) const;

  const object_id id_;
  const std::uint64_t size_;
  const std::uint64_t checksum_;
  const std::shared_ptr<const file_descriptor> file_; ///< null: the object is kept in memory
  const std::uint64_t offset_ = 0;

  mutable std::mutex mutex_; // guards all that follows
  mutable std::condition_variable_any changed_;
  std::optional<chunk_checksums> sums_;
  std::vector<bool> here_;
  std::uint64_t missing_;
  byte_buffer in_memory_;
  bool failed_ = false;
  bool closed_ = false;
};

/// For messages to users: "object 7 of 1.5 MB".
std::string name_of(const chunked_object& object);

} // namespace daskify::internal
