#include "daskify/store/spill_file.hpp"

#include "daskify/bytes.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/text/byte_count.hpp"
#include "daskify/text/printable.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <system_error>
#include <unistd.h>

namespace daskify::internal {

namespace {

[[noreturn]] void throw_disk_error(const std::string& what) {
  auto reason = errno;
  bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
  throw data_error{full ? error_code::no_room : error_code::store_failed,
                   what + ": " + std::generic_category().message(reason)};
}

file_descriptor open_nameless(const std::filesystem::path& folder) {
  std::error_code failed;
  if (std::filesystem::create_directories(folder, failed))
    ::chmod(folder.c_str(), 0700);
  file_descriptor file{::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
  if (file || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
    return file;
  // The file system does not support O_TMPFILE: the file has a name for a moment.
  auto name = (folder / "daskify-XXXXXX").string();
  file = file_descriptor{::mkostemp(name.data(), O_CLOEXEC)};
  if (file)
    ::unlink(name.c_str());
  return file;
}

/// Free bytes on the disk; UINT64_MAX if the file system does not report them.
std::uint64_t free_on_disk_of(const file_descriptor& file) {
  struct statvfs disk {};
  if (::fstatvfs(file.get(), &disk) != 0 || disk.f_blocks == 0)
    return UINT64_MAX;
  return std::uint64_t{disk.f_bavail} * disk.f_frsize;
}

/// Calls `transfer` in steps of a chunk until all `size` bytes are transferred. False, with errno set, if it fails.
template <class Transfer>
bool all_of(std::uint64_t size, Transfer&& transfer) {
  for (std::uint64_t at = 0; at < size;) {
    auto count = transfer(at, std::min(size - at, chunk_size));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      if (count == 0)
        errno = EIO; // the file is shorter than what was written
      return false;
    }
    at += static_cast<std::uint64_t>(count);
  }
  return true;
}

} // namespace

spilled_block spill_to_disk(const std::filesystem::path& folder, const segment& block, std::uint64_t reserve,
                            bool may_use_it) {
  auto what = format_bytes(block.size()) + " could not be spilled to " + in_quotes(folder.string());
  auto file = open_nameless(folder);
  if (!file)
    throw_disk_error(what);
  if (auto free = free_on_disk_of(file); !may_use_it && (free < block.size() || free - block.size() < reserve)) {
    errno = ENOSPC;
    throw_disk_error(what + ", where " + format_bytes(reserve) +
                     " stay free so that what is there can be read back into memory that is full");
  }
  auto mapped = block.map();
  auto bytes = mapped.view();
  if (!all_of(block.size(), [&](std::uint64_t at, std::uint64_t count) {
        return ::pwrite(file.get(), bytes.data() + at, count, static_cast<off_t>(at));
      }))
    throw_disk_error(what);
  auto missing = reserve - std::min(reserve, free_on_disk_of(file));
  return {std::move(file), missing};
}

segment load_from_disk(const file_descriptor& file, const std::vector<piece_of_block>& objects) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0)
    throw_disk_error("Spilled data could not be read back");
  auto size = static_cast<std::uint64_t>(status.st_size);
  auto what = "Spilled data of " + format_bytes(size) + " could not be read back";
  for (const auto& object : objects)
    if (object.offset > size || object.size > size - object.offset)
      throw data_error{error_code::object_lost, what + ": the spill file is shorter than it was written"};
  auto memory = create_file("object", size);
  byte_buffer step{std::min(size, chunk_size)};
  bool whole = all_of(size, [&](std::uint64_t at, std::uint64_t count) {
    auto got = ::pread(file.get(), step.data(), count, static_cast<off_t>(at));
    return got <= 0 ? got : ::pwrite(memory.get(), step.data(), static_cast<std::size_t>(got), static_cast<off_t>(at));
  });
  if (!whole)
    throw_disk_error(what);
  auto block = seal_file(memory, "object");
  auto mapped = block.map();
  for (const auto& object : objects)
    if (checksums_of_chunks(mapped.view().subspan(object.offset, object.size)) != object.sums)
      throw data_error{error_code::object_lost, "spilled data came back from disk damaged"};
  return block;
}

std::string why_no_spilling(const std::filesystem::path& folder) {
  return open_nameless(folder) ? std::string{} : std::generic_category().message(errno);
}

} // namespace daskify::internal
