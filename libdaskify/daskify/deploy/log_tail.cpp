#include "daskify/deploy/log_tail.hpp"

#include "daskify/deploy/process.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace daskify::internal {

namespace {

/// Length of the UTF-8 character at the front of `text`; 0 when there is none, or one that controls a
/// terminal.
std::size_t printable_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  if (byte(0) < 0x80)
    return byte(0) >= 0x20 && byte(0) != 0x7f ? 1 : 0;
  std::size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length)
    return 0;
  std::uint32_t code = byte(0) & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80)
      return 0;
    code = code << 6 | (byte(i) & 0x3fU);
  }
  bool overlong = code < (length == 4 ? 0x10000U : length == 3 ? 0x800U : 0x80U);
  bool surrogate = code >= 0xd800 && code < 0xe000;
  bool control = code < 0xa0;
  return overlong || surrogate || control || code > 0x10ffff ? 0 : length;
}

} // namespace

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
  auto text = harmless(bytes);
  if (!text.empty() && text.back() == '\n')
    text.pop_back();
  if (cut) // begins within a line; shown only when there is no other
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

std::string harmless(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    auto rest = text.substr(i);
    if (rest.starts_with("\r\n")) {
      ++i;
    } else if (rest.front() == '\n' || rest.front() == '\t') {
      result += rest.front();
      ++i;
    } else if (rest.front() == '\r') {
      result += '\n';
      ++i;
    } else {
      auto length = printable_length(rest);
      result += length == 0 ? std::string_view{"?"} : rest.substr(0, length);
      i += std::max<std::size_t>(length, 1);
    }
  }
  return result;
}

} // namespace daskify::internal
