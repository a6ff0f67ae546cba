#include "daskify/os/log_tail.hpp"

#include "daskify/os/file_descriptor.hpp"
#include "daskify/text/printable.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace daskify::internal {

log_end read_log_end(const std::filesystem::path& path, std::size_t max_bytes) {
  log_end result;
  file_descriptor file{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_size <= 0)
    return result;
  auto size = static_cast<std::uint64_t>(info.st_size);
  auto length = std::min<std::uint64_t>(size, max_bytes);
  auto begin = size - length;
  result.bytes.resize(length);
  std::size_t got = 0;
  while (got < length) {
    auto count = ::pread(file.get(), result.bytes.data() + got, length - got, static_cast<off_t>(begin + got));
    if (count > 0)
      got += static_cast<std::size_t>(count);
    else if (count == 0 || errno != EINTR)
      break;
  }
  result.bytes.resize(got);
  result.size = begin + got;
  return result;
}

std::string last_lines(const log_end& log, std::size_t max_lines, std::uint64_t since) {
  auto begin_of_bytes = log.size - log.bytes.size();
  std::string_view bytes{log.bytes};
  bool cut = begin_of_bytes > since;
  if (!cut)
    bytes.remove_prefix(std::min<std::uint64_t>(since - begin_of_bytes, bytes.size()));
  auto text = printable(bytes);
  if (!text.empty() && text.back() == '\n')
    text.pop_back();
  if (cut) // the first line is incomplete; kept only if it is the only line
    if (auto newline = text.find('\n'); newline != text.npos)
      text.erase(0, newline + 1);
  auto begin = text.size();
  for (std::size_t lines = 0; lines < max_lines; ++lines) {
    auto newline = begin == 0 ? text.npos : text.rfind('\n', begin - 1);
    if (newline == text.npos)
      return text;
    begin = newline;
  }
  return max_lines == 0 ? std::string{} : text.substr(begin + 1);
}

std::string log_tail(const std::filesystem::path& file, std::size_t max_lines, std::size_t max_bytes) {
  return last_lines(read_log_end(file, max_bytes), max_lines);
}

} // namespace daskify::internal
