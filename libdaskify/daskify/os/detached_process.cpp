#include "daskify/os/detached_process.hpp"

#include "daskify/error.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/os/start_process.hpp"

#include <cerrno>
#include <csignal>
#include <spawn.h>
#include <system_error>
#include <unistd.h>

namespace daskify::internal {

namespace {

/// Spawn attributes: a new session, default signal handling and no blocked signals.
class session_attributes {
public:
  session_attributes() {
    ::posix_spawnattr_init(&attributes_);
    sigset_t signals;
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    ::sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  session_attributes(const session_attributes&) = delete;
  session_attributes& operator=(const session_attributes&) = delete;
  ~session_attributes() { ::posix_spawnattr_destroy(&attributes_); }

  const posix_spawnattr_t* get() const noexcept { return &attributes_; }

private:
  posix_spawnattr_t attributes_{};
};

[[noreturn]] void fail(const std::string& program, int code) {
  throw cluster_error{error_code::command_failed, "The program '" + program + "' cannot be started (" +
                                                      std::generic_category().message(code) +
                                                      "); check that it may be executed, and that processes (ulimit "
                                                      "-u) and memory are left."};
}

} // namespace

detached_process start_detached(const std::string& program, std::vector<std::string> arguments,
                                const file_descriptor& log) {
  auto news = open_pipe();
  auto output = out_of_the_way(file_descriptor{::dup(log.get())});
  if (!news || !output)
    fail(program, errno);
  file_actions actions;
  actions.empty_input(STDIN_FILENO);
  actions.pass(output.get(), STDOUT_FILENO);
  actions.pass(output.get(), STDERR_FILENO);
  actions.pass(news.write.get(), news_descriptor);
  actions.close_from(news_descriptor + 1);
  std::vector<char*> argv;
  for (auto& argument : arguments)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  session_attributes attributes;
  detached_process started;
  if (int code = ::posix_spawn(&started.pid, program.c_str(), actions.get(), attributes.get(), argv.data(), environ);
      code != 0)
    fail(program, code);
  started.news = std::move(news.read);
  return started;
}

} // namespace daskify::internal
