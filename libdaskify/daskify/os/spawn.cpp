#include "daskify/os/spawn.hpp"

#include "daskify/error.hpp"
#include "daskify/os/cpu_count.hpp"
#include "daskify/os/environment.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <sched.h>
#include <string_view>
#include <system_error>
#include <unistd.h>

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

/// Binds the calling thread to CPUs during its lifetime; a process started meanwhile inherits the binding.
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

} // namespace

child spawn(const spawn_request& request) {
  auto lifeline = open_pipe(); // above 3, so that our end cannot become the program's own output
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
