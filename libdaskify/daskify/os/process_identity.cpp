#include "daskify/os/process_identity.hpp"

#include "daskify/error.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/text/words.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace daskify::internal {

namespace {

std::string read_proc_file(const std::string& path) {
  std::string text(4096, '\0');
  file_descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  auto count = file ? ::read(file.get(), text.data(), text.size()) : 0;
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return text;
}

} // namespace

process_identity this_process() {
  process_identity result;
  result.pid = ::getpid();
  auto stat_now = parse_process_stat(read_proc_file("/proc/self/stat"));
  if (!stat_now)
    throw cluster_error{error_code::session_failed,
                        "this process cannot read its start time from /proc/self/stat; mount /proc"};
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
  // There is no such file if the process has been reaped; kill() confirms it.
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

} // namespace daskify::internal
