#include "daskify/deploy/log_folder.hpp"

#include "daskify/error.hpp"
#include "daskify/transport/session_folder.hpp"

#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>

namespace daskify::internal {

namespace {

/// What workers print is lost on a full disk, and with it why they failed: better said before they start.
void require_room(const std::filesystem::path& folder) {
  constexpr std::size_t some_lines = 64 << 10;
  auto probe = folder / (".probe-" + random_hex(8));
  file_descriptor file{::open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  int problem = file ? ::posix_fallocate(file.get(), 0, some_lines) : errno;
  if (file)
    ::unlink(probe.c_str());
  if (problem != 0 && problem != EOPNOTSUPP && problem != EINVAL)
    throw cluster_error{error_code::session_failed, "Nothing can be written into the log_directory " + folder.string() +
                                                        " (" + std::generic_category().message(problem) +
                                                        "); free some room there, or name another folder."};
}

file_descriptor open_folder(const std::filesystem::path& folder) {
  return file_descriptor{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
}

} // namespace

std::string time_and_pid() {
  auto now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char text[32]{};
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S-", &local);
  return text + std::to_string(::getpid());
}

file_descriptor use_log_folder(const std::filesystem::path& folder) {
  make_folder(folder, "log_directory");
  require_room(folder);
  auto used = open_folder(folder);
  if (used)
    ::flock(used.get(), LOCK_SH | LOCK_NB); // where there are no locks, its age tells
  return used;
}

bool is_in_use(const std::filesystem::path& log_folder) {
  auto folder = open_folder(log_folder);
  return folder && ::flock(folder.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

} // namespace daskify::internal
