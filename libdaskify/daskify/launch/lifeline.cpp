#include "daskify/launch/lifeline.hpp"

#include "daskify/os/child_process.hpp"
#include "daskify/os/file_descriptor.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

namespace daskify::internal {

namespace {

constexpr std::uint64_t session_over = 1;
constexpr std::uint64_t scheduler_lost = std::uint64_t{1} << 32;

} // namespace

lifeline::lifeline(session_folder folder, process_identity client, launched_by launcher)
    : folder_{std::move(folder)},
      client_{std::move(client)},
      launcher_{launcher},
      told_{::eventfd(0, EFD_CLOEXEC)} {
  if (launcher_ != launched_by::batch_system)
    ::fcntl(lifeline_descriptor, F_SETFD, FD_CLOEXEC);
  std::thread{[this] { watch(); }}.detach(); // ends with the process
}

void lifeline::end_now() const noexcept {
  tell(session_over);
}

void lifeline::lost_scheduler() const noexcept {
  tell(scheduler_lost);
}

void lifeline::tell(std::uint64_t what) const noexcept {
  static_cast<void>(::write(told_, &what, sizeof what));
}

void lifeline::watch() {
  // Watches both, because a forked copy of the launcher may keep the pipe open after the launcher's end.
  auto ended = is_of_this_machine(client_) ? open_ended_descriptor(client_.pid) : file_descriptor{};
  auto launcher = launcher_ == launched_by::batch_system ? -1 : lifeline_descriptor; // poll ignores -1
  pollfd watched[] = {{launcher, POLLIN, 0}, {told_, POLLIN, 0}, {ended.get(), POLLIN, 0}};
  while (::poll(watched, 3, -1) < 0 && errno == EINTR) {
  }
  // Flushes only unlocked streams: a task may be blocked in a read or write forever.
  for (auto* stream : {stdout, stderr})
    if (::ftrylockfile(stream) == 0) {
      ::fflush_unlocked(stream);
      ::funlockfile(stream);
    }
  std::uint64_t told = 0;
  if (watched[1].revents != 0)
    static_cast<void>(::read(told_, &told, sizeof told));
  // When a client ends, its pipe and its connection close shortly before its process ends, in any order. While the
  // client lives, it removes the folder itself.
  bool client_may_be_ending = (watched[0].revents != 0 && launcher_ == launched_by::client) || told >= scheduler_lost;
  if (client_may_be_ending && ended)
    ::poll(&watched[2], 1, 2000);
  if (is_gone(client_))
    folder_.remove();
  // Processes started by tasks belong to this process's group and are killed with it.
  if (::getpgrp() == ::getpid())
    ::kill(0, SIGKILL);
  ::_exit(0);
}

} // namespace daskify::internal
