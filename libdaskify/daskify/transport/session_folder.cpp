#include "daskify/transport/session_folder.hpp"

#include "daskify/error.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/os/folder.hpp"
#include "daskify/os/terminal.hpp"
#include "daskify/transport/secret.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace daskify::internal {

namespace {

namespace fs = std::filesystem;

constexpr auto connection_file = session_folder::connection_file;
constexpr const char* lock_file = "lock";
constexpr std::chrono::minutes longest_start{10};

[[noreturn]] void fail(const std::string& sentence) {
  throw cluster_error{error_code::session_failed, sentence};
}

std::string reason(int code) {
  return std::generic_category().message(code);
}

std::string quoted(const fs::path& path) {
  return "'" + path.string() + "'";
}

fs::path made_absolute(const fs::path& path) {
  std::error_code ignored; // without a working directory, later calls fail and report it
  return fs::absolute(path, ignored);
}

fs::path base_or_default(const fs::path& base) {
  if (!base.empty())
    return made_absolute(base);
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  struct stat info {};
  bool ours = runtime != nullptr && runtime[0] == '/' && ::stat(runtime, &info) == 0 && S_ISDIR(info.st_mode) &&
              info.st_uid == ::geteuid();
  return ours ? runtime : "/tmp";
}

std::string folder_prefix() {
  return "daskify-" + std::to_string(::geteuid()) + "-";
}

bool is_private(const struct stat& info, mode_t mode) {
  return info.st_uid == ::geteuid() && (info.st_mode & 0777U) == mode;
}

/// Opens a folder that is ours and closed to others; otherwise sets errno, to EPERM if the folder is not.
file_descriptor open_private_folder(const char* path) {
  file_descriptor folder{::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  struct stat info {};
  if (folder && (::fstat(folder.get(), &info) != 0 || !is_private(info, 0700))) {
    folder.reset();
    errno = EPERM;
  }
  return folder;
}

file_descriptor open_or_fail(const fs::path& path) {
  auto folder = open_private_folder(path.c_str());
  if (folder)
    return folder;
  switch (errno) {
  case EPERM:
    fail("the session folder " + quoted(path) +
         " cannot be trusted because it belongs to another user or is open to others; start a new session");
  case ELOOP:
  case ENOTDIR:
    fail("the session folder " + quoted(path) + " is not a folder; pass the path that the session was given");
  case ENOENT:
    fail("the session folder " + quoted(path) +
         " is not there; the session has ended, or was started on another machine");
  default:
    fail("the session folder " + quoted(path) + " cannot be opened: " + reason(errno) + "; start a new session");
  }
}

/// Reads the connection file of an open folder; sets errno and returns nothing if it cannot be read.
std::optional<std::string> read_connection_text(int folder) {
  file_descriptor file{::openat(folder, connection_file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  if (!file)
    return std::nullopt;
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) || !is_private(info, 0600)) {
    errno = EPERM;
    return std::nullopt;
  }
  std::string text(largest_connection_text + 1, '\0');
  std::size_t got = 0;
  while (got < text.size()) {
    auto count = ::read(file.get(), text.data() + got, text.size() - got);
    if (count == 0)
      break;
    if (count > 0)
      got += static_cast<std::size_t>(count);
    else if (errno != EINTR)
      return std::nullopt;
  }
  text.resize(got);
  return text;
}

/// Deletes what is in an open folder; what cannot be deleted stays.
void empty_folder(file_descriptor folder) noexcept {
  auto close = [](DIR* entries) { ::closedir(entries); };
  std::unique_ptr<DIR, decltype(close)> entries{::fdopendir(::fcntl(folder.get(), F_DUPFD_CLOEXEC, 0))};
  if (!entries)
    return;
  while (auto* entry = ::readdir(entries.get())) {
    std::string_view name{entry->d_name};
    if (name == "." || name == ".." || ::unlinkat(folder.get(), entry->d_name, 0) == 0 || errno != EISDIR)
      continue;
    file_descriptor inner{::openat(folder.get(), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (inner)
      empty_folder(std::move(inner));
    ::unlinkat(folder.get(), entry->d_name, AT_REMOVEDIR);
  }
}

/// The kernel releases the lock when the process ends in any way. Sets errno, to EWOULDBLOCK if the lock is taken.
file_descriptor take_lock(int folder) {
  while (true) {
    file_descriptor file{::openat(folder, lock_file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
      return {};
    // The previous holder may have deleted the file just before.
    struct stat held {};
    struct stat there {};
    if (::fstat(file.get(), &held) == 0 && ::fstatat(folder, lock_file, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
        held.st_ino == there.st_ino)
      return file;
  }
}

void remove_claimed(const fs::path& path) {
  if (auto folder = open_private_folder(path.c_str())) {
    ::unlinkat(folder.get(), connection_file, 0);
    ::unlinkat(folder.get(), lock_file, 0);
  }
  ::rmdir(path.c_str()); // fails if the folder has other contents
}

/// Whether no process can still be about to write the connection file of an open folder.
bool is_abandoned(int folder) {
  struct stat info {};
  if (::fstat(folder, &info) != 0)
    return false;
  auto changed = std::chrono::system_clock::from_time_t(info.st_mtime);
  return std::chrono::system_clock::now() - changed > longest_start;
}

} // namespace

session_folder session_folder::create(const fs::path& base) {
  auto path = (base_or_default(base) / (folder_prefix() + "XXXXXX")).string();
  if (::mkdtemp(path.data()) == nullptr || ::chmod(path.c_str(), 0700) != 0)
    fail("no session folder can be made in " + quoted(fs::path{path}.parent_path()) + ": " + reason(errno) +
         "; choose a folder that exists and that you may write to");
  return session_folder{path};
}

session_folder session_folder::claim(const fs::path& folder) {
  auto path = made_absolute(folder).lexically_normal();
  if (!path.has_filename())
    path = path.parent_path();
  std::error_code failed;
  fs::create_directories(path.parent_path(), failed);
  if (failed || (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST))
    fail("the connection_directory " + quoted(path) +
         " cannot be made: " + (failed ? failed.message() : reason(errno)) + "; choose a folder that you may write to");
  auto open = open_private_folder(path.c_str());
  if (!open)
    fail("the connection_directory " + quoted(path) +
         (errno == EPERM ? " cannot be used because it belongs to another user or is open to others; choose one of "
                           "your own with mode 0700, or one that is not there yet"
                         : " cannot be opened: " + reason(errno) + "; choose another folder"));
  auto lock = take_lock(open.get());
  if (!lock) {
    if (errno != EWOULDBLOCK)
      fail("the connection_directory " + quoted(path) + " cannot be locked: " + reason(errno) +
           "; choose a folder on another file system");
    fail("another running scheduler uses the connection_directory " + quoted(path) +
         "; end that one, or choose another folder for this one");
  }
  session_folder claimed{path};
  claimed.claim_ = std::make_shared<const file_descriptor>(std::move(lock));
  return claimed;
}

bool session_folder::is_told_in(const fs::path& folder) {
  if (::access((folder / connection_file).c_str(), F_OK) == 0)
    return true;
  auto problem = errno;
  if (problem == ENOENT)
    return false;
  throw cluster_error{error_code::session_failed, "Whether a cluster is told of in the folder '" + folder.string() +
                                                      "' cannot be seen (" + std::generic_category().message(problem) +
                                                      "); name a folder of yours by connection_directory."};
}

session_folder session_folder::open(const fs::path& folder) {
  auto path = made_absolute(folder).lexically_normal();
  if (!path.has_filename())
    path = path.parent_path(); // a slash at the end would make a symbolic link look like a folder
  open_or_fail(path);
  return session_folder{path};
}

std::vector<session_folder::listed> session_folder::list(const fs::path& base) {
  std::vector<listed> all;
  const auto prefix = folder_prefix();
  for (const auto& entry : entries_of(base_or_default(base))) {
    const auto& path = entry.path();
    auto name = path.filename().string();
    if (!name.starts_with(prefix) || name.size() != prefix.size() + 6)
      continue;
    auto folder = open_private_folder(path.c_str());
    if (!folder)
      continue;
    listed found{session_folder{path}, std::nullopt};
    if (auto text = read_connection_text(folder.get())) {
      try {
        found.where = parse_connection(*text, path / connection_file);
        found.is_stale = is_gone(found.where->owner);
      } catch (const cluster_error&) {
        // It may be of another version.
      }
    } else if (errno == ENOENT) {
      found.is_stale = is_abandoned(folder.get());
    }
    all.push_back(std::move(found));
  }
  return all;
}

std::size_t session_folder::sweep_stale(const fs::path& base) {
  try {
    auto all = list(base);
    auto removed = std::ranges::count_if(all, [](const listed& l) { return l.is_stale && l.folder.remove(); });
    return static_cast<std::size_t>(removed);
  } catch (const cluster_error&) {
    return 0; // folders can be created in a base that cannot be listed
  }
}

void session_folder::publish(const connection& what) const {
  auto text = format_connection(what);
  if (!is_valid(what) || text.size() > largest_connection_text)
    fail("the connection file in " + quoted(path_) +
         " cannot be written: a word has blanks or is missing, a port is 0, the secret is not 64 hex digits, "
         "or "
         "there are too many addresses; correct what the session was given");
  auto folder = open_or_fail(path_);
  auto temporary = std::string{"."} + connection_file + "-" + random_hex(8);
  file_descriptor file{::openat(folder.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  bool written = file && ::fchmod(file.get(), 0600) == 0 && write_all(file.get(), text) &&
                 ::renameat(folder.get(), temporary.c_str(), folder.get(), connection_file) == 0;
  if (written)
    return;
  int code = errno;
  ::unlinkat(folder.get(), temporary.c_str(), 0);
  fail("the connection file in " + quoted(path_) + " cannot be written: " + reason(code) +
       "; free some room there or choose another folder");
}

connection session_folder::read_connection() const {
  auto folder = open_or_fail(path_);
  if (auto text = read_connection_text(folder.get()))
    return parse_connection(*text, path_ / connection_file);
  fail("the connection file in " + quoted(path_) + " cannot be read: " + reason(errno) +
       "; the session has not started yet, or has ended");
}

bool session_folder::remove() const noexcept {
  if (claim_) {
    remove_claimed(path_);
    return true;
  }
  // Another process of the session may create a file between emptying and removing, but not forever.
  for (int attempt = 0; attempt < 10; ++attempt) {
    auto folder = open_private_folder(path_.c_str());
    if (!folder)
      return errno == ENOENT;
    empty_folder(std::move(folder));
    if (::rmdir(path_.c_str()) == 0 || errno == ENOENT)
      return true;
  }
  return false;
}

bool session_folder::remove_if_abandoned(const std::function<bool(const connection&)>& is_dead) const noexcept {
  try {
    auto folder = open_private_folder(path_.c_str());
    if (!folder || !is_dead(read_connection()))
      return false;
    auto lock = take_lock(folder.get());
    if (!lock || !is_dead(read_connection())) // it was replaced meanwhile
      return false;
    remove_claimed(path_);
    return true;
  } catch (const std::exception&) {
    return false; // by now replaced or removed by another process
  }
}

} // namespace daskify::internal
