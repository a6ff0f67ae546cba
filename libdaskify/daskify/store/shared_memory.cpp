#include "daskify/store/shared_memory.hpp"

#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/os/free_memory.hpp"
#include "daskify/os/system_error.hpp"
#include "daskify/text/byte_count.hpp"
#include "daskify/text/printable.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace daskify::internal {

namespace {

constexpr int size_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

/// For smaller objects, reading the memory limits is not worthwhile.
constexpr std::uint64_t check_room_from = 1 << 20;

std::string path_of(pid_t pid, int fd) {
  return "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd);
}

/// Raises the limit on open files to the hard limit. False if they are equal already, or if that fails.
bool raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
    return false;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/// Calls `open`; once more with a higher limit if there are too many open files.
template <class Open>
file_descriptor with_file_limit(Open&& open) {
  file_descriptor file{open()};
  if (!file && errno == EMFILE && raise_file_limit())
    file = file_descriptor{open()};
  return file;
}

/// Opens a read-only descriptor of a file that another descriptor, maybe of another process, refers to. The path may
/// refer to any file by now: O_NONBLOCK and O_NOCTTY make pipes and terminals harmless.
file_descriptor open_read_only(const std::string& path) {
  return with_file_limit([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); });
}

struct ::stat status_of(const file_descriptor& file) {
  struct ::stat status {};
  if (::fstat(file.get(), &status) != 0)
    throw_errno("shared memory cannot be examined");
  return status;
}

bool is_sealed(const file_descriptor& file) {
  auto seals = ::fcntl(file.get(), F_GET_SEALS);
  // The first writer of a block for many objects may still write to it, but no other process ever can.
  return seals >= 0 && (seals & size_seals) == size_seals && (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0;
}

/// Exceeding the limit on file sizes would end the process by SIGXFSZ instead of returning an error.
void require_file_size(std::uint64_t size, const std::string& what) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && size > limit.rlim_cur)
    throw data_error{error_code::no_room, what + " needs " + format_bytes(size) + ", but the limit on file sizes is " +
                                              format_bytes(limit.rlim_cur) + ": raise it (ulimit -f)"};
}

std::string what_of(std::string_view name) {
  return "shared memory for " + in_quotes(name);
}

/// Reserves memory for all of the file now, so that writing to a mapping cannot fail.
void reserve_memory(const file_descriptor& file, std::uint64_t size, std::string_view name) {
  int reason = 0;
  do
    reason = ::posix_fallocate(file.get(), 0, static_cast<off_t>(size));
  while (reason == EINTR);
  if (reason != 0) {
    errno = reason;
    throw_errno(what_of(name) + " of " + format_bytes(size) + " cannot be reserved");
  }
}

std::unique_ptr<std::byte, unmap_memory> map_for_writing(const file_descriptor& file, std::uint64_t size,
                                                         std::string_view name) {
  auto* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (address == MAP_FAILED)
    throw_errno(what_of(name) + " of " + format_bytes(size) + " cannot be mapped");
  // A forked child would keep the memory writable, so that it could not be sealed.
  ::madvise(address, size, MADV_DONTFORK);
  return {static_cast<std::byte*>(address), unmap_memory{size}};
}

/// A read-only descriptor of a file of this process. Linux before 6.7 refuses to map a write-sealed file, even for
/// reading, from a writable descriptor.
file_descriptor for_readers(const file_descriptor& file, std::string_view name) {
  auto read_only = open_read_only(path_of(::getpid(), file.get()));
  if (!read_only)
    throw_errno(what_of(name) + " cannot be reopened for reading");
  return read_only;
}

} // namespace

mapped_segment::~mapped_segment() {
  if (!bytes_.empty())
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

segment::segment(file_descriptor file) : file_{std::make_shared<const file_descriptor>(std::move(file))} {
  auto status = status_of(*file_);
  inode_ = status.st_ino;
  size_ = static_cast<std::uint64_t>(status.st_size);
}

segment_locator segment::locator() const noexcept {
  return {::getpid(), file_->get(), inode_, size_};
}

mapped_segment segment::map() const {
  if (size_ == 0)
    return {};
  auto* address = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file_->get(), 0);
  if (address == MAP_FAILED)
    throw_errno("shared memory of " + format_bytes(size_) + " cannot be mapped");
  return mapped_segment{{static_cast<const std::byte*>(address), size_}};
}

file_descriptor create_file(std::string_view name, std::uint64_t size) {
  auto what = what_of(name);
  require_file_size(size, what);
  if (size >= check_room_from)
    require_room(size, what);
  auto visible_name = "daskify:" + std::string{name.substr(0, 100)}; // the kernel takes at most 249 bytes
  auto file = with_file_limit([&] { return ::memfd_create(visible_name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING); });
  if (!file)
    throw_errno(what + " cannot be created");
  return file;
}

segment seal_file(const file_descriptor& file, std::string_view name) {
  // EBUSY: a child that was forked just when the memory was mapped may keep the mapping for ever. Only that child could
  // still write.
  if (::fcntl(file.get(), F_ADD_SEALS, size_seals | F_SEAL_WRITE) != 0 &&
      (errno != EBUSY || ::fcntl(file.get(), F_ADD_SEALS, size_seals | F_SEAL_FUTURE_WRITE) != 0))
    throw_errno(what_of(name) + " cannot be sealed");
  return segment{for_readers(file, name)};
}

segment_writer::segment_writer(std::string_view name, std::uint64_t size)
    : name_{name},
      what_{what_of(name)},
      size_{size},
      file_{create_file(name, size)} {}

void segment_writer::write(std::span<const std::byte> bytes) {
  if (bytes.size() > size_ - written_)
    throw data_error{error_code::store_failed, what_ + " was announced with " + format_bytes(size_) + " but got more"};
  while (!bytes.empty()) {
    // If the chunk was just read for its checksum, it is still in the CPU's cache when it is written.
    auto piece = bytes.first(std::min<std::size_t>(bytes.size(), sums_.left_in_chunk()));
    bytes = bytes.subspan(piece.size());
    sums_.add(piece);
    while (!piece.empty()) {
      auto count = ::pwrite(file_.get(), piece.data(), piece.size(), static_cast<off_t>(written_));
      if (count < 0) {
        if (errno == EINTR)
          continue;
        throw_errno(what_ + " cannot be written after " + format_bytes(written_) + " of " + format_bytes(size_));
      }
      written_ += static_cast<std::uint64_t>(count);
      piece = piece.subspan(static_cast<std::size_t>(count));
    }
  }
}

segment segment_writer::seal() && {
  if (written_ != size_)
    throw data_error{error_code::store_failed,
                     what_ + " was announced with " + format_bytes(size_) + " but got only " + format_bytes(written_)};
  return seal_file(file_, name_);
}

void unmap_memory::operator()(std::byte* memory) const noexcept {
  ::munmap(memory, size);
}

segment_builder::segment_builder(std::string_view name, std::uint64_t size)
    : name_{name},
      file_{create_file(name, size)} {
  if (size == 0)
    return;
  reserve_memory(file_, size, name_);
  memory_ = map_for_writing(file_, size, name_);
}

segment segment_builder::seal() && {
  memory_.reset(); // a file that is mapped for writing cannot be sealed
  return seal_file(file_, name_);
}

block_writer::block_writer(std::uint64_t size) : block_writer{create_file("small objects", size), size} {}

block_writer::block_writer(file_descriptor file, std::uint64_t size)
    : memory_{(reserve_memory(file, size, "small objects"), map_for_writing(file, size, "small objects"))},
      readers_{for_readers(file, "small objects")} {
  if (::fcntl(file.get(), F_ADD_SEALS, size_seals | F_SEAL_FUTURE_WRITE) != 0)
    throw_errno(what_of("small objects") + " cannot be sealed");
}

std::uint64_t block_writer::append(std::span<const std::byte> bytes) noexcept {
  constexpr auto alignment = std::uint64_t{object_alignment};
  auto at = used_;
  if (!bytes.empty())
    std::memcpy(memory_.get() + at, bytes.data(), bytes.size());
  used_ = std::min(size(), (at + bytes.size() + alignment - 1) / alignment * alignment);
  return at;
}

segment open_segment(const segment_locator& where) {
  auto what = "shared memory of " + format_bytes(where.size) + " in process " + std::to_string(where.pid);
  auto file = open_read_only(path_of(where.pid, where.fd));
  if (!file) {
    if (errno == ENOENT || errno == ENXIO)
      throw data_error{error_code::store_failed, what + " is gone: the process has ended or released the data"};
    throw_errno(what + " cannot be opened");
  }
  auto status = status_of(file);
  if (status.st_ino != where.inode || static_cast<std::uint64_t>(status.st_size) != where.size || !is_sealed(file))
    throw data_error{error_code::store_failed, what + " is gone: another file has taken its place"};
  return segment{std::move(file)};
}

mapped_segment map_segment(const segment_locator& where) {
  return open_segment(where).map();
}

} // namespace daskify::internal
