#include "daskify/deploy/process.hpp"

#include "daskify/deploy/cpu_count.hpp"
#include "daskify/error.hpp"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

extern "C" { // the header of glibc 2.36 does not say so itself
#include <sys/pidfd.h>
}

namespace daskify::internal {

namespace {

std::string_view advice(int code) {
  switch (code) {
  case ENOENT:
    return "check that the path is right";
  case EACCES:
  case ENOEXEC:
    return "check that it may be executed";
  case EAGAIN:
    return "ask for fewer workers, or allow more processes (ulimit -u)";
  case EMFILE:
  case ENFILE:
    return "ask for fewer workers, or allow more open files (ulimit -n)";
  case ENOMEM:
    return "ask for fewer workers, or free some memory";
  case ENOSYS:
    return "Linux 5.4 or later is needed";
  default:
    return "see the system's log for details";
  }
}

[[noreturn]] void fail(const spawn_request& request, std::string_view what, int code) {
  throw cluster_error{error_code::worker_failed,
                      "cannot start the worker program '" + request.program.string() + "': " + std::string{what} +
                          ": " + std::generic_category().message(code) + "; " + std::string{advice(code)}};
}

/// The same above 0 to 3, which the child's own overwrite, and which a program that closed them may open
/// again.
file_descriptor out_of_the_way(file_descriptor original) {
  return file_descriptor{::fcntl(original.get(), F_DUPFD_CLOEXEC, lifeline_descriptor + 1)};
}

file_descriptor open_log(const spawn_request& request) {
  file_descriptor log{
      ::open(request.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600)};
  if (!log)
    fail(request, "its log file '" + request.log.string() + "' cannot be opened", errno);
  log = out_of_the_way(std::move(log));
  if (!log)
    fail(request, "its log file cannot be passed on", errno);
  return log;
}

std::vector<std::string> merged_environment(const spawn_request& request) {
  std::vector<std::string> merged;
  for (const auto& [name, value] : request.environment)
    merged.push_back(name + "=" + value);
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    std::string_view inherited{*variable};
    auto name = inherited.substr(0, inherited.find('='));
    auto replaced = [&](const auto& addition) { return addition.first == name; };
    if (std::none_of(request.environment.begin(), request.environment.end(), replaced))
      merged.emplace_back(inherited);
  }
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (auto& string : strings)
    result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

/// What the child does between fork and exec: input, output and lifeline to their places, all else closed.
class file_actions {
public:
  file_actions(int log, int lifeline) {
    check(::posix_spawn_file_actions_init(&actions_));
    check(::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
    check(::posix_spawn_file_actions_adddup2(&actions_, log, STDOUT_FILENO));
    check(::posix_spawn_file_actions_adddup2(&actions_, log, STDERR_FILENO));
    check(::posix_spawn_file_actions_adddup2(&actions_, lifeline, lifeline_descriptor));
    check(::posix_spawn_file_actions_addclosefrom_np(&actions_, lifeline_descriptor + 1));
  }
  file_actions(const file_actions&) = delete;
  file_actions& operator=(const file_actions&) = delete;
  ~file_actions() { ::posix_spawn_file_actions_destroy(&actions_); }

  const posix_spawn_file_actions_t* get() const { return &actions_; }

private:
  static void check(int code) {
    if (code != 0)
      throw std::bad_alloc{}; // the only way in which these can fail
  }

  posix_spawn_file_actions_t actions_{};
};

/// A process group of its own, and no signal ignored or blocked whatever the user's program does.
class spawn_attributes {
public:
  spawn_attributes() {
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  spawn_attributes(const spawn_attributes&) = delete;
  spawn_attributes& operator=(const spawn_attributes&) = delete;
  ~spawn_attributes() { ::posix_spawnattr_destroy(&attributes_); }

  const posix_spawnattr_t* get() const { return &attributes_; }

private:
  posix_spawnattr_t attributes_{};
};

child_id next_id() {
  static std::atomic<std::uint64_t> last{0};
  return child_id{++last};
}

exit_status to_exit_status(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED)
    return exited{info.si_status};
  return signalled{info.si_status, info.si_code == CLD_DUMPED};
}

struct explanation {
  std::string operator()(const exited& end) const { return "ended with exit code " + std::to_string(end.code); }

  std::string operator()(const signalled& end) const {
    auto text = "was killed by signal " + std::to_string(end.number);
    if (const char* name = ::sigdescr_np(end.number)) {
      std::string lower{name};
      lower[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(lower[0])));
      text += " (" + lower + ")";
    }
    if (end.core_dumped)
      text += " and left a core file";
    if (end.out_of_memory)
      text += ", most likely because its memory limit was reached";
    return text;
  }

  std::string operator()(const unknown_end&) const {
    return "ended, with a status that the program took away (it ignores SIGCHLD or waits for any child)";
  }
};

} // namespace

file_descriptor& file_descriptor::operator=(file_descriptor&& other) noexcept {
  if (this != &other) {
    reset();
    number_ = std::exchange(other.number_, -1);
  }
  return *this;
}

void file_descriptor::reset() noexcept {
  if (number_ >= 0)
    ::close(std::exchange(number_, -1));
}

std::string explain(const exit_status& status) {
  return std::visit(explanation{}, status);
}

std::optional<std::uint64_t> parse_oom_kills(std::string_view text) {
  constexpr std::string_view key = "oom_kill ";
  for (std::size_t begin = 0; begin < text.size();) {
    auto end = std::min(text.find('\n', begin), text.size());
    auto line = text.substr(begin, end - begin);
    std::uint64_t count = 0;
    if (line.starts_with(key)) {
      auto [stop, error] = std::from_chars(line.data() + key.size(), line.data() + line.size(), count);
      if (error == std::errc{} && stop == line.data() + line.size())
        return count;
    }
    begin = end + 1;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> oom_kills() {
  for (auto [controller, file] : {std::pair{"", "memory.events"}, std::pair{"memory", "memory.oom_control"}})
    for (const auto& folder : own_cgroup_folders(controller))
      if (auto count = parse_oom_kills(read_small_file(folder / file)))
        return count;
  return std::nullopt;
}

void keep_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF)
      static_cast<void>(::open("/dev/null", O_RDWR)); // the lowest that is free
}

file_descriptor open_ended_descriptor(pid_t pid) {
  file_descriptor pidfd{::pidfd_open(pid, 0)};
  if (!pidfd && errno == ESRCH)
    return file_descriptor{::eventfd(1, EFD_CLOEXEC)}; // an event that has happened
  return pidfd;
}

child::child(pid_t pid, file_descriptor lifeline) noexcept
    : id_{next_id()},
      pid_{pid},
      parent_{::getpid()},
      ended_{open_ended_descriptor(pid)},
      lifeline_{std::move(lifeline)} {}

child::~child() {
  if (!is_ours())
    return;
  while (!reap()) {
    kill_group();
    pollfd ended{ended_.get(), POLLIN, 0};
    ::poll(&ended, 1, -1);
  }
}

bool child::is_ours() const noexcept {
  return ended_ && ::getpid() == parent_;
}

void child::ask_to_end() noexcept {
  lifeline_.reset();
  if (is_ours())
    ::pidfd_send_signal(ended_.get(), SIGTERM, nullptr, 0);
}

void child::kill_group() noexcept {
  // As long as the leader can be signalled, dead or alive, nobody else was given the group's number.
  if (is_ours() && ::pidfd_send_signal(ended_.get(), SIGKILL, nullptr, 0) == 0)
    ::kill(-pid_, SIGKILL);
}

std::optional<exit_status> child::reap() noexcept {
  if (status_ || !is_ours())
    return status_;
  siginfo_t info{};
  auto pidfd = static_cast<id_t>(ended_.get());
  bool known = ::waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
  if (known && info.si_pid == 0)
    return std::nullopt;
  if (known)
    kill_group();
  else if (::kill(pid_, 0) != 0 && errno == ESRCH)
    ::kill(-pid_, SIGKILL); // the leader is gone; while its group has members, no process can get its pid
  info = {};
  known = known && ::waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0;
  return status_ = known ? to_exit_status(info) : unknown_end{};
}

child spawn(const spawn_request& request) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    fail(request, "its lifeline cannot be made", errno);
  file_descriptor read_end{ends[0]};
  file_descriptor write_end{ends[1]};
  read_end = out_of_the_way(std::move(read_end));
  write_end = out_of_the_way(std::move(write_end)); // nor may it become the program's own output
  if (!read_end || !write_end)
    fail(request, "its lifeline cannot be passed on", errno);
  auto log = open_log(request);

  auto arguments = request.arguments;
  auto environment = merged_environment(request);
  file_actions actions{log.get(), read_end.get()};
  spawn_attributes attributes;
  pid_t pid = 0;
  if (int code = ::posix_spawn(&pid, request.program.c_str(), actions.get(), attributes.get(),
                               pointers(arguments).data(), pointers(environment).data()))
    fail(request, "the system refused", code);

  child started{pid, std::move(write_end)};
  if (!started.ended_) {
    int code = errno;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    fail(request, "it cannot be watched", code);
  }
  return started;
}

} // namespace daskify::internal
