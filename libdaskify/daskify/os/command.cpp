#include "daskify/os/command.hpp"

#include "daskify/error.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/os/start_process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <limits>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>

namespace daskify::internal {

namespace {

using clock = std::chrono::steady_clock;

/// Practically unlimited, but fits poll's int in milliseconds.
constexpr std::chrono::milliseconds longest_timeout = std::chrono::hours{24};

[[noreturn]] void fail(const std::string& program, std::string_view what, int code) {
  throw cluster_error{error_code::command_failed,
                      "cannot run '" + program + "': " + std::string{what} + ": " +
                          std::generic_category().message(code) +
                          "; check that it may be executed, and that processes (ulimit -u), open files (ulimit -n) "
                          "and memory are left"};
}

/// Returns a file in memory with `input`. Unlike a pipe, it neither blocks the writer nor raises SIGPIPE.
file_descriptor input_file(std::string_view input) {
  auto file = out_of_the_way(file_descriptor{::memfd_create("input", MFD_CLOEXEC)});
  while (file && !input.empty()) {
    auto written = ::write(file.get(), input.data(), input.size());
    if (written >= 0)
      input.remove_prefix(static_cast<std::size_t>(written));
    else if (errno != EINTR)
      return {};
  }
  if (file)
    ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

/// Reads one output stream of the command as data arrives.
class pipe_reader {
public:
  pipe_reader(file_descriptor source, std::string& text, bool& cut)
      : source_{std::move(source)},
        text_{text},
        cut_{cut} {}

  /// For poll, which ignores the -1 of a stream that has ended.
  int descriptor() const noexcept { return source_.get(); }

  /// Reads a part of the available data. REQUIRES: data or end-of-file is available.
  void read_part() {
    if (auto size = ::read(source_.get(), part_.data(), part_.size()); size > 0)
      keep({part_.data(), static_cast<std::size_t>(size)});
    else if (size == 0 || errno != EINTR)
      source_.reset();
  }

  /// Reads what is available now, and no more, because a daemon may keep writing.
  void drain() {
    int left = 0;
    if (!source_ || ::ioctl(source_.get(), FIONREAD, &left) != 0)
      return;
    while (left > 0) {
      auto size = ::read(source_.get(), part_.data(), std::min(part_.size(), static_cast<std::size_t>(left)));
      if (size < 0 && errno == EINTR)
        continue;
      if (size <= 0)
        return;
      keep({part_.data(), static_cast<std::size_t>(size)});
      left -= static_cast<int>(size);
    }
  }

private:
  void keep(std::string_view part) {
    auto room = most_output - text_.size();
    cut_ = cut_ || part.size() > room;
    text_ += part.substr(0, room);
  }

  file_descriptor source_;
  std::string& text_;
  bool& cut_;
  std::array<char, 16384> part_;
};

int poll_timeout(clock::time_point deadline) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now());
  return static_cast<int>(std::max(left, std::chrono::milliseconds{0}).count());
}

} // namespace

std::optional<command_result> run_command(const std::vector<std::string>& words, std::string_view input,
                                          std::chrono::milliseconds timeout, std::stop_token stop,
                                          const std::vector<std::string>& environment, int kept) {
  if (words.empty() || words[0].empty())
    return std::nullopt;
  auto deadline = clock::now() + std::clamp(timeout, std::chrono::milliseconds{0}, longest_timeout);
  auto output = open_pipe();
  auto errors = output ? open_pipe() : pipe_ends{};
  if (!errors)
    fail(words[0], "no pipe can be made", errno);
  file_actions actions;
  file_descriptor input_source;
  if (input.empty()) {
    actions.empty_input(STDIN_FILENO);
  } else {
    input_source = input_file(input);
    if (!input_source)
      fail(words[0], "its input cannot be passed on", errno);
    actions.pass(input_source.get(), STDIN_FILENO);
  }
  actions.pass(output.write.get(), STDOUT_FILENO);
  actions.pass(errors.write.get(), STDERR_FILENO);
  if (kept >= 0)
    actions.pass(kept, STDERR_FILENO + 1);
  actions.close_from(STDERR_FILENO + (kept >= 0 ? 2 : 1));

  file_descriptor stop_event{::eventfd(0, EFD_CLOEXEC)};
  if (!stop_event)
    fail(words[0], "it could not be stopped", errno);
  std::stop_callback on_stop{stop, [&] { ::eventfd_write(stop_event.get(), 1); }};

  command_result result{unknown_end{}, {}, {}};
  result.stopped = stop.stop_requested();
  if (result.stopped)
    return result;
  std::optional<child> process;
  try {
    process.emplace(start_process(words[0], search::in_PATH, words, environment, actions));
  } catch (const std::system_error& e) {
    if (e.code().value() == ENOENT || e.code().value() == ENOTDIR)
      return std::nullopt;
    fail(words[0], "the system refused", e.code().value());
  }
  output.write.reset();
  errors.write.reset();
  input_source.reset();

  pipe_reader out{std::move(output.read), result.output, result.cut};
  pipe_reader err{std::move(errors.read), result.errors, result.cut};
  std::optional<exit_status> status;
  while (!status) {
    bool killed = result.timed_out || result.stopped;
    // poll ignores negative descriptors: ended streams, and the stop event once the command was killed.
    pollfd events[] = {{process->ended_descriptor(), POLLIN, 0},
                       {killed ? -1 : stop_event.get(), POLLIN, 0},
                       {out.descriptor(), POLLIN, 0},
                       {err.descriptor(), POLLIN, 0}};
    int ready = ::poll(events, std::size(events), killed ? -1 : poll_timeout(deadline));
    if (ready < 0)
      continue; // a signal
    if (events[0].revents != 0) {
      status = process->reap();
      continue;
    }
    if (!killed) {
      result.stopped = events[1].revents != 0;
      result.timed_out = !result.stopped && clock::now() >= deadline;
      if (result.stopped || result.timed_out)
        process->kill_group();
    }
    if (events[2].revents != 0)
      out.read_part();
    if (events[3].revents != 0)
      err.read_part();
  }
  result.status = *status;
  out.drain();
  err.drain();
  return result;
}

} // namespace daskify::internal
