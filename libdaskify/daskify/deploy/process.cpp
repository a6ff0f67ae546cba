#include "daskify/deploy/process.hpp"

#include "daskify/deploy/cpu_count.hpp"
#include "daskify/deploy/start_process.hpp"
#include "daskify/error.hpp"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <poll.h>
#include <sched.h>
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
                      "cannot start the program '" + request.program.string() + "': " + std::string{what} + ": " +
                          std::generic_category().message(code) + "; " + std::string{advice(code)}};
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
  for (auto& inherited : own_environment()) {
    auto name = std::string_view{inherited}.substr(0, inherited.find('='));
    auto replaced = [&](const auto& addition) { return addition.first == name; };
    auto is_left_out = !request.left_out.empty() && name.starts_with(request.left_out);
    if (!is_left_out && std::none_of(request.environment.begin(), request.environment.end(), replaced))
      merged.push_back(std::move(inherited));
  }
  return merged;
}

/// Binds the calling thread to CPUs, which a process that it starts takes over, for as long as this lives.
class bound_thread {
public:
  explicit bound_thread(const std::vector<unsigned>& cpus) {
    if (cpus.empty())
      return;
    before_ = affinity_cpus();
    failed_ = before_.empty() ? EINVAL : bind(cpus);
  }
  bound_thread(const bound_thread&) = delete;
  bound_thread& operator=(const bound_thread&) = delete;
  ~bound_thread() {
    if (!before_.empty())
      bind(before_);
  }

  /// 0, or the system's error.
  int failed() const { return failed_; }

private:
  static int bind(const std::vector<unsigned>& cpus) {
    auto most = *std::max_element(cpus.begin(), cpus.end()) + 1UL;
    std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set{CPU_ALLOC(most), [](cpu_set_t* s) { CPU_FREE(s); }};
    if (!set)
      return ENOMEM;
    auto size = CPU_ALLOC_SIZE(most);
    CPU_ZERO_S(size, set.get());
    for (auto cpu : cpus)
      CPU_SET_S(cpu, size, set.get());
    return ::sched_setaffinity(0, size, set.get()) == 0 ? 0 : errno;
  }

  std::vector<unsigned> before_;
  int failed_ = 0;
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

bool ends_within(int ended_descriptor, std::chrono::milliseconds patience) {
  auto until = std::chrono::steady_clock::now() + patience;
  while (true) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd watched{ended_descriptor, POLLIN, 0};
    auto result = ::poll(&watched, 1, static_cast<int>(std::max(left.count(), std::chrono::milliseconds::rep{0})));
    if (result >= 0 || errno != EINTR)
      return result > 0;
  }
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
  auto lifeline = open_pipe(); // out of the way: nor may our end become the program's own output
  if (!lifeline)
    fail(request, "its lifeline cannot be made", errno);
  auto log = open_log(request);
  file_actions actions;
  actions.empty_input(STDIN_FILENO);
  actions.pass(log.get(), STDOUT_FILENO);
  actions.pass(log.get(), STDERR_FILENO);
  actions.pass(lifeline.read.get(), lifeline_descriptor);
  actions.close_from(lifeline_descriptor + 1);
  bound_thread while_starting{request.cpus};
  if (while_starting.failed())
    fail(request, "it cannot be bound to CPUs of its own (option pin)", while_starting.failed());
  try {
    return start_process(request.program, request.where, request.arguments, merged_environment(request), actions,
                         std::move(lifeline.write));
  } catch (const std::system_error& e) {
    fail(request, "the system refused", e.code().value());
  }
}

} // namespace daskify::internal
