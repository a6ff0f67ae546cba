#include "daskify/launch/log_folder.hpp"

#include "daskify/config/user_folder.hpp"
#include "daskify/error.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/os/folder.hpp"
#include "daskify/os/free_memory.hpp"
#include "daskify/transport/secret.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace daskify::internal {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const std::string& what, const fs::path& folder, int problem, const char* remedy) {
  throw cluster_error{error_code::session_failed,
                      what + folder.string() + " (" + std::generic_category().message(problem) + "); " + remedy};
}

/// Detects a full disk before workers start, because their output, and with it the reasons of failures, would be lost.
void require_room(const fs::path& folder) {
  constexpr std::size_t some_lines = 64 << 10;
  auto probe = folder / (".probe-" + random_hex(8));
  file_descriptor file{::open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  int problem = file ? ::posix_fallocate(file.get(), 0, some_lines) : errno;
  if (file)
    ::unlink(probe.c_str());
  if (problem != 0 && problem != EOPNOTSUPP && problem != EINVAL)
    fail("Cannot write into the log_directory ", folder, problem, "free some room there, or name another folder.");
}

std::string time_and_pid() {
  auto now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char text[32]{};
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S-", &local);
  return text + std::to_string(::getpid());
}

/// The name gets a suffix if it is taken: a process of another machine may have the same pid in the same second.
fs::path make_new_folder(const fs::path& base) {
  auto wanted = base / time_and_pid();
  auto path = wanted;
  for (int others = 2; ::mkdir(path.c_str(), 0700) != 0; ++others) {
    if (errno != EEXIST)
      fail("Cannot create a folder for logs in the log_directory ", base, errno,
           "name a folder that you may write to.");
    path = wanted.string() + "-" + std::to_string(others);
  }
  return path;
}

/// Whether `make_new_folder` creates such names; there may be other entries in the same place.
bool is_name_of_ours(std::string_view name) {
  constexpr std::string_view form = "dddddddd-dddddd-d";
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return name.size() >= form.size() &&
         std::ranges::equal(name.substr(0, form.size()), form,
                            [&](char c, char f) { return f == 'd' ? is_digit(c) : c == f; }) &&
         std::ranges::all_of(name.substr(form.size()), [&](char c) { return is_digit(c) || c == '-'; });
}

file_descriptor open_folder(const fs::path& folder) {
  return file_descriptor{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
}

} // namespace

void log_folder::remove_if_empty() const noexcept {
  ::rmdir(path.c_str());
}

fs::path base_of_logs(const settings& with) {
  if (with.log_directory)
    return *with.log_directory;
  return (with.session_directory ? fs::path{*with.session_directory} : user_folder("log_directory")) / "logs";
}

log_folder make_log_folder(const fs::path& base) {
  auto absolute = fs::absolute(base);
  make_folder(absolute, "log_directory");
  require_room(absolute);
  return share_log_folder(make_new_folder(absolute));
}

log_folder share_log_folder(const fs::path& folder) {
  auto used = open_folder(folder);
  if (used)
    ::flock(used.get(), LOCK_SH | LOCK_NB); // without locks, the folder's age decides
  return {folder, std::move(used)};
}

std::vector<fs::path> log_folders_in(const fs::path& base) {
  std::vector<fs::path> all;
  for (const auto& entry : entries_of(base)) // by name, which begins with the time
    if (std::error_code gone;
        is_name_of_ours(entry.path().filename().string()) && entry.is_directory(gone) && !entry.is_symlink(gone))
      all.push_back(entry.path());
  return all;
}

bool is_in_use(const fs::path& log_folder) {
  auto folder = open_folder(log_folder);
  return folder && ::flock(folder.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

} // namespace daskify::internal
