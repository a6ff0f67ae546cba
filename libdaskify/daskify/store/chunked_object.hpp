#pragma once

/// An object of which some chunks may still be on their way.

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

/// An object on this node, whole or still arriving, as those that read and write its chunks share it. A chunk that is
/// here fits its checksum and never changes. Thread-safe.
class chunked_object {
public:
  /// A whole object: `size` bytes of `file` from `offset` on. REQUIRES: one sum per chunk, of these very bytes.
  chunked_object(object_id id, std::shared_ptr<const file_descriptor> file, std::uint64_t offset, std::uint64_t size,
                 chunk_checksums sums);

  /// An arriving object, which fills `file` from its beginning. `checksum` (as `checksum_of_object`) is known from
  /// somebody who can be trusted; all that comes from elsewhere is checked against it.
  chunked_object(object_id id, std::shared_ptr<const file_descriptor> file, std::uint64_t size, std::uint64_t checksum);

  /// An arriving object that is kept in memory until `take_bytes`. REQUIRES: at most one chunk.
  chunked_object(object_id id, std::uint64_t size, std::uint64_t checksum);

  object_id id() const noexcept { return id_; }
  std::uint64_t size() const noexcept { return size_; }
  std::uint64_t checksum() const noexcept { return checksum_; }
  std::uint64_t chunks() const noexcept { return chunks_of(size_); }

  /// Where the bytes of a chunk are, once it is here: in which file (-1: in memory), and from which offset on.
  int file() const noexcept { return file_ ? file_->get() : -1; }
  std::uint64_t offset_of(std::uint64_t chunk) const noexcept { return offset_ + chunk * chunk_size; }

  /// REQUIRES here and below: chunk < chunks().
  bool has(std::uint64_t chunk) const;
  bool is_whole() const;
  bool is_failed() const;
  bool is_closed() const;

  /// Null until they are known; they never change after that.
  const chunk_checksums* sums() const;

  /// Takes the sums of the chunks, before any is written. False when they do not fit the object's checksum. An object
  /// of one chunk does without: its sum follows from the checksum.
  bool learn_sums(chunk_checksums sums);

  /// Checks a chunk and keeps it; nothing happens when it is here already. False when its bytes are not the right ones.
  /// Throws data_error when they cannot be stored, or after `fail`.
  bool write(std::uint64_t chunk, std::span<const std::byte> bytes);

  /// True when the chunk is here; waits for it, at most this long, and not when it cannot come any more.
  bool wait_for(std::uint64_t chunk, std::chrono::milliseconds longest, std::stop_token stop = {}) const;

  /// As `sums`, but waits as `wait_for` does.
  const chunk_checksums* wait_for_sums(std::chrono::milliseconds longest, std::stop_token stop = {}) const;

  /// What is not here will not come any more: nobody needs to wait for it.
  void fail();

  /// The bytes of an object in memory. REQUIRES: it is whole; called once.
  byte_buffer take_bytes();

  /// From now on no other node is given any of it.
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

/// For messages to people: "object 7 of 1.5 MB".
std::string name_of(const chunked_object& object);

} // namespace daskify::internal
