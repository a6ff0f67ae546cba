#include "daskify/os/start_process.hpp"

#include "daskify/os/file_descriptor.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <new>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace daskify::internal {

namespace {

void check(int code) {
  if (code != 0)
    throw std::bad_alloc{}; // these calls fail only for lack of memory
}

/// Spawn attributes: a new process group, and no signal ignored or blocked whatever the user's program does.
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

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (auto& string : strings)
    result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

} // namespace

file_descriptor out_of_the_way(file_descriptor original) {
  return file_descriptor{::fcntl(original.get(), F_DUPFD_CLOEXEC, lifeline_descriptor + 1)};
}

pipe_ends open_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return {};
  file_descriptor read{ends[0]};
  file_descriptor write{ends[1]};
  pipe_ends result;
  result.read = out_of_the_way(std::move(read));
  if (result.read)
    result.write = out_of_the_way(std::move(write));
  return result;
}

file_actions::file_actions() {
  check(::posix_spawn_file_actions_init(&actions_));
}

file_actions::~file_actions() {
  ::posix_spawn_file_actions_destroy(&actions_);
}

void file_actions::empty_input(int number) {
  check(::posix_spawn_file_actions_addopen(&actions_, number, "/dev/null", O_RDONLY, 0));
}

void file_actions::pass(int from, int number) {
  check(::posix_spawn_file_actions_adddup2(&actions_, from, number));
}

void file_actions::close_from(int first) {
  check(::posix_spawn_file_actions_addclosefrom_np(&actions_, first));
}

child start_process(const std::string& program, search where, std::vector<std::string> arguments,
                    std::vector<std::string> environment, const file_actions& actions, file_descriptor lifeline) {
  spawn_attributes attributes;
  auto argv = pointers(arguments);
  auto envp = pointers(environment);
  auto* spawn_it = where == search::in_PATH ? &::posix_spawnp : &::posix_spawn;
  pid_t pid = 0;
  if (int code = spawn_it(&pid, program.c_str(), actions.get(), attributes.get(), argv.data(), envp.data()))
    throw std::system_error{code, std::generic_category()};

  child started{pid, std::move(lifeline)};
  if (started.ended_descriptor() < 0) {
    int code = errno;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    throw std::system_error{code, std::generic_category(), "it cannot be watched"};
  }
  return started;
}

} // namespace daskify::internal
