#include "daskify/transport/session_folder.hpp"

#include "daskify/deploy/process.hpp"
#include "daskify/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <span>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace daskify::internal {

namespace {

namespace fs = std::filesystem;

constexpr auto connection_file = session_folder::connection_file;
constexpr const char* lock_file = "lock";
constexpr std::string_view first_line = "daskify-session 1";
constexpr std::size_t largest_connection_file = 64 * 1024;
constexpr std::size_t secret_digits = 64;
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
  std::error_code ignored; // the working folder is gone: what follows fails, and says so
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

/// Opens a folder that is ours and closed to others; sets errno, to EPERM when it is not.
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

/// Reads the connection file of an open folder; sets errno and gives nothing when it cannot be read.
std::optional<std::string> read_connection_text(int folder) {
  file_descriptor file{::openat(folder, connection_file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  if (!file)
    return std::nullopt;
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) || !is_private(info, 0600)) {
    errno = EPERM;
    return std::nullopt;
  }
  std::string text(largest_connection_file + 1, '\0');
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

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    auto count = ::write(file, text.data(), text.size());
    if (count >= 0)
      text.remove_prefix(static_cast<std::size_t>(count));
    else if (errno != EINTR)
      return false;
  }
  return true;
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

std::string read_proc_file(const std::string& path) {
  std::string text(4096, '\0');
  file_descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  auto count = file ? ::read(file.get(), text.data(), text.size()) : 0;
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return text;
}

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

template <class T>
bool parse_number(std::string_view text, T& value) {
  auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && stop == text.data() + text.size();
}

std::string_view take_until(std::string_view& text, char separator) {
  auto end = std::min(text.find(separator), text.size());
  auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

bool is_valid(const connection& what) {
  auto good_address = [](const endpoint& address) { return is_word(address.host) && address.port != 0; };
  return is_word(what.session_id) && is_word(what.build_id) && is_secret(what.secret) && is_word(what.owner.boot_id) &&
         is_word(what.owner.host) && what.owner.pid > 0 && !what.addresses.empty() &&
         std::all_of(what.addresses.begin(), what.addresses.end(), good_address);
}

bool parse_line(std::string_view line, connection& result) {
  auto key = take_until(line, ' ');
  if (key == "session") {
    result.session_id = line;
  } else if (key == "secret") {
    result.secret = line;
  } else if (key == "build") {
    result.build_id = line;
  } else if (key == "address") {
    auto& address = result.addresses.emplace_back();
    address.host = take_until(line, ' ');
    return parse_number(line, address.port);
  } else if (key == "owner") {
    auto pid = take_until(line, ' ');
    auto start_time = take_until(line, ' ');
    result.owner.boot_id = take_until(line, ' ');
    auto pid_namespace = take_until(line, ' ');
    result.owner.host = line;
    return parse_number(pid, result.owner.pid) && parse_number(start_time, result.owner.start_time) &&
           parse_number(pid_namespace, result.owner.pid_namespace);
  } else {
    return false;
  }
  return true;
}

/// The kernel lets go of the lock with the process, however that ends. Sets errno, to EWOULDBLOCK when it is taken.
file_descriptor take_lock(int folder) {
  while (true) {
    file_descriptor file{::openat(folder, lock_file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
      return {};
    // The one who held it may have deleted the file just before.
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
  ::rmdir(path.c_str()); // stays where there is something else in it
}

bool is_stale(const fs::path& path) {
  auto folder = open_private_folder(path.c_str());
  if (!folder)
    return false;
  if (auto text = read_connection_text(folder.get())) {
    try {
      return is_gone(parse_connection(*text, path / connection_file).owner);
    } catch (const cluster_error&) {
      return false; // of another version, perhaps
    }
  }
  struct stat info {};
  if (errno != ENOENT || ::fstat(folder.get(), &info) != 0)
    return false;
  auto changed = std::chrono::system_clock::from_time_t(info.st_mtime);
  return std::chrono::system_clock::now() - changed > longest_start;
}

} // namespace

bool is_secret(std::string_view text) {
  return text.size() == secret_digits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

std::string random_hex(std::size_t bytes) {
  std::string digits;
  digits.reserve(2 * bytes);
  while (digits.size() < 2 * bytes) {
    std::array<unsigned char, 32> random{};
    auto count = std::min(random.size(), bytes - digits.size() / 2);
    if (::getentropy(random.data(), count) != 0)
      fail("the system gives no random bytes for the session's secret: " + reason(errno) +
           "; Linux 3.17 or later is needed");
    for (auto byte : std::span{random}.first(count)) {
      digits += "0123456789abcdef"[byte >> 4];
      digits += "0123456789abcdef"[byte & 15];
    }
  }
  return digits;
}

process_identity this_process() {
  process_identity result;
  result.pid = ::getpid();
  auto stat_now = parse_process_stat(read_proc_file("/proc/self/stat"));
  if (!stat_now)
    fail("this process cannot read its start time from /proc/self/stat; mount /proc");
  result.start_time = stat_now->start_time;
  auto boot_id = read_proc_file("/proc/sys/kernel/random/boot_id");
  result.boot_id = boot_id.empty() ? "-" : boot_id.substr(0, boot_id.find('\n'));
  struct stat info {};
  if (::stat("/proc/self/ns/pid", &info) == 0)
    result.pid_namespace = info.st_ino;
  auto host = host_name();
  result.host = is_word(host) ? host : "-";
  return result;
}

bool is_of_this_machine(const process_identity& process) {
  auto here = this_process();
  return process.boot_id != "-" && process.boot_id == here.boot_id && process.pid_namespace != 0 &&
         process.pid_namespace == here.pid_namespace && process.pid > 0;
}

bool is_gone(const process_identity& process) {
  if (!is_of_this_machine(process))
    return false;
  auto now = parse_process_stat(read_proc_file("/proc/" + std::to_string(process.pid) + "/stat"));
  if (now)
    return now->start_time != process.start_time || now->state == 'Z' || now->state == 'X';
  // Asked last: the process may have been reaped a moment ago.
  return ::kill(process.pid, 0) != 0 && errno == ESRCH;
}

bool is_of_an_earlier_boot(const process_identity& process) {
  auto here = this_process();
  return process.boot_id != "-" && here.boot_id != "-" && process.boot_id != here.boot_id && process.host != "-" &&
         process.host != "localhost" && process.host == here.host;
}

std::optional<process_stat> parse_process_stat(std::string_view text) {
  constexpr int start_time_field = 22;
  constexpr int state_field = 3;
  auto name_end = text.rfind(')'); // the name before it may hold anything, also ") "
  if (name_end == text.npos || name_end + 2 >= text.size())
    return std::nullopt;
  text.remove_prefix(name_end + 2);
  auto state = take_until(text, ' ');
  for (int field = state_field + 1; field < start_time_field; ++field)
    take_until(text, ' ');
  process_stat result{};
  if (state.size() != 1 || !parse_number(take_until(text, ' '), result.start_time))
    return std::nullopt;
  result.state = state.front();
  return result;
}

std::string host_name() {
  char name[256]{};
  ::gethostname(name, sizeof name - 1);
  return name;
}

void make_folder(const fs::path& path, const char* option) {
  std::error_code failed;
  // Ours alone when we make it: SLURM opens the logs of jobs with the user's umask.
  if (fs::create_directories(path, failed) && !failed)
    fs::permissions(path, fs::perms::owner_all, failed);
  if (failed)
    fail("The " + std::string{option} + " " + quoted(path) + " cannot be made (" + failed.message() +
         "); name a folder that you may write to.");
}

std::string format_connection(const connection& what) {
  auto text = std::string{first_line} + "\nsession " + what.session_id + "\n";
  for (const auto& address : what.addresses)
    text += "address " + address.host + " " + std::to_string(address.port) + "\n";
  text += "secret " + what.secret + "\n";
  text += "owner " + std::to_string(what.owner.pid) + " " + std::to_string(what.owner.start_time) + " " +
          what.owner.boot_id + " " + std::to_string(what.owner.pid_namespace) + " " + what.owner.host + "\n";
  text += "build " + what.build_id + "\nend\n";
  return text;
}

connection parse_connection(std::string_view text, const fs::path& file) {
  connection result;
  bool good = text.size() <= largest_connection_file;
  for (auto rest = text; good && !rest.empty();) {
    auto line = take_until(rest, '\n');
    good = line == first_line || line == "end" || parse_line(line, result);
  }
  // Order, repetition, blanks, zeros in front: whatever we would not have written ourselves is refused.
  if (!good || !is_valid(result) || format_connection(result) != text)
    fail("the connection file " + quoted(file) +
         " is damaged or of another version of daskify; remove it once no scheduler of that version runs");
  return result;
}

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
    fail("another scheduler that is running has the connection_directory " + quoted(path) +
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
  std::error_code ignored; // a base that cannot be listed has nothing to show
  const auto prefix = folder_prefix();
  for (fs::directory_iterator entry{base_or_default(base), ignored}, end; !ignored && entry != end;
       entry.increment(ignored)) {
    auto name = entry->path().filename().string();
    if (!name.starts_with(prefix) || name.size() != prefix.size() + 6 || !open_private_folder(entry->path().c_str()))
      continue;
    listed found{session_folder{entry->path()}, std::nullopt, is_stale(entry->path())};
    try {
      found.where = found.folder.read_connection();
    } catch (const cluster_error&) {
      // Not there yet, or of another version.
    }
    all.push_back(std::move(found));
  }
  std::ranges::sort(all, {}, [](const listed& l) { return l.folder.path(); });
  return all;
}

std::size_t session_folder::sweep_stale(const fs::path& base) {
  auto all = list(base);
  auto removed = std::count_if(all.begin(), all.end(), [](const listed& l) { return l.is_stale && l.folder.remove(); });
  return static_cast<std::size_t>(removed);
}

void session_folder::publish(const connection& what) const {
  auto text = format_connection(what);
  if (!is_valid(what) || text.size() > largest_connection_file)
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
  // Another process of the session may make a file between emptying and removing; none does so for ever.
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
    return false; // somebody else's by now, or nobody's
  }
}

} // namespace daskify::internal
