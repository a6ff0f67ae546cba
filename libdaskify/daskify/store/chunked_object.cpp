#include "daskify/store/chunked_object.hpp"

#include "daskify/error.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/os/system_error.hpp"
#include "daskify/text/byte_count.hpp"

#include <cerrno>
#include <string>
#include <unistd.h>

namespace daskify::internal {

std::string name_of(const chunked_object& object) {
  return "object " + std::to_string(object.id().value) + " of " + format_bytes(object.size());
}

chunked_object::chunked_object(object_id id, std::shared_ptr<const file_descriptor> file, std::uint64_t offset,
                               std::uint64_t size, chunk_checksums sums)
    : id_{id},
      size_{size},
      checksum_{checksum_of_object(size, sums)},
      file_{std::move(file)},
      offset_{offset},
      sums_{std::move(sums)},
      here_(chunks_of(size), true),
      missing_{0} {}

chunked_object::chunked_object(object_id id, std::shared_ptr<const file_descriptor> file, std::uint64_t size,
                               std::uint64_t checksum)
    : id_{id},
      size_{size},
      checksum_{checksum},
      file_{std::move(file)},
      here_(chunks_of(size), false),
      missing_{here_.size()} {}

chunked_object::chunked_object(object_id id, std::uint64_t size, std::uint64_t checksum)
    : chunked_object{id, nullptr, size, checksum} {}

bool chunked_object::has(std::uint64_t chunk) const {
  std::lock_guard guard{mutex_};
  return here_[chunk];
}

bool chunked_object::is_whole() const {
  std::lock_guard guard{mutex_};
  return missing_ == 0;
}

bool chunked_object::is_failed() const {
  std::lock_guard guard{mutex_};
  return failed_;
}

bool chunked_object::is_closed() const {
  std::lock_guard guard{mutex_};
  return closed_;
}

const chunk_checksums* chunked_object::sums() const {
  std::lock_guard guard{mutex_};
  return sums_ ? &*sums_ : nullptr;
}

bool chunked_object::learn_sums(chunk_checksums sums) {
  if (sums.size() != chunks() || checksum_of_object(size_, sums) != checksum_)
    return false;
  std::lock_guard guard{mutex_};
  if (!sums_)
    sums_ = std::move(sums);
  changed_.notify_all();
  return true;
}

bool chunked_object::fits(std::uint64_t chunk, std::span<const std::byte> bytes) {
  if (bytes.size() != bytes_of_chunk(size_, chunk))
    return false;
  auto sum = checksum_of(bytes);
  if (chunks() == 1)
    return learn_sums({sum});
  auto* known = sums();
  return known != nullptr && (*known)[chunk] == sum;
}

void chunked_object::store(std::uint64_t chunk, std::span<const std::byte> bytes) const {
  auto offset = offset_of(chunk);
  while (!bytes.empty()) {
    auto count = ::pwrite(file(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      throw_errno(name_of(*this) + " cannot be written");
    offset += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

bool chunked_object::write(std::uint64_t chunk, std::span<const std::byte> bytes) {
  if (!fits(chunk, bytes))
    return false;
  if (has(chunk))
    return true;
  // Two threads may write the same chunk at the same time, because they write the same bytes.
  if (file_)
    store(chunk, bytes);
  std::lock_guard guard{mutex_};
  if (failed_)
    throw data_error{error_code::store_failed, name_of(*this) + " was given up before all of it had arrived"};
  if (here_[chunk])
    return true;
  if (!file_)
    in_memory_.append(bytes.data(), bytes.size());
  here_[chunk] = true;
  --missing_;
  changed_.notify_all();
  return true;
}

bool chunked_object::wait_for(std::uint64_t chunk, std::chrono::milliseconds longest, std::stop_token stop) const {
  std::unique_lock guard{mutex_};
  changed_.wait_for(guard, stop, longest, [&] { return here_[chunk] || nothing_will_come(); });
  return here_[chunk];
}

const chunk_checksums* chunked_object::wait_for_sums(std::chrono::milliseconds longest, std::stop_token stop) const {
  std::unique_lock guard{mutex_};
  changed_.wait_for(guard, stop, longest, [&] { return sums_ || nothing_will_come(); });
  return sums_ ? &*sums_ : nullptr;
}

void chunked_object::fail() {
  std::lock_guard guard{mutex_};
  failed_ = true;
  changed_.notify_all();
}

byte_buffer chunked_object::take_bytes() {
  std::lock_guard guard{mutex_};
  return std::move(in_memory_);
}

void chunked_object::close() {
  std::lock_guard guard{mutex_};
  closed_ = true;
  changed_.notify_all();
}

} // namespace daskify::internal
