#include "command.hpp"
#include "job_preview.hpp"

#include "daskify/config/option_table.hpp"
#include "daskify/defaults.hpp"
#include "daskify/error.hpp"
#include "daskify/host/cluster_control.hpp"
#include "daskify/host/standing_scheduler.hpp"
#include "daskify/launch/log_folder.hpp"
#include "daskify/launch/worker_cpus.hpp"
#include "daskify/os/child_process.hpp"
#include "daskify/os/detached_process.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/os/log_tail.hpp"
#include "daskify/os/notice.hpp"
#include "daskify/os/own_program.hpp"
#include "daskify/text/shell_words.hpp"
#include "daskify/transport/find_cluster.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <iostream>
#include <poll.h>
#include <sstream>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace daskify::command {

using namespace daskify::internal;
namespace fs = std::filesystem;

namespace {

constexpr auto log_name = "scheduler.log";
/// Additional to start_timeout: time for the steps before and after the wait for workers.
constexpr std::chrono::seconds more_time{60};

/// The same settings as arguments for another program of daskify.
arguments as_arguments(const settings& with) {
  arguments all;
  for (const auto& option : option_table()) {
    if (with.origin(option.name) == "default")
      continue;
    std::istringstream values{option.write(with)}; // a list is written as one line per element
    for (std::string value; std::getline(values, value);)
      all.push_back("--daskify." + std::string{option.name} + "=" + value);
  }
  return all;
}

file_descriptor open_log(const fs::path& file) {
  file_descriptor log{::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
  if (!log)
    throw cluster_error{error_code::session_failed, "The log '" + file.string() + "' cannot be made (" +
                                                        std::generic_category().message(errno) +
                                                        "); name a folder that you may write to by log_directory."};
  return log;
}

enum class outcome { ready, ended, interrupted, too_late };

/// Waits for a message of the scheduler or a signal to end, whichever comes first. Prints the scheduler's notices about
/// its jobs meanwhile.
outcome wait_for(const detached_process& scheduler, const file_descriptor& signals, std::chrono::milliseconds limit) {
  using clock = std::chrono::steady_clock;
  auto until = clock::now() + limit;
  std::string said;
  while (true) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now());
    if (left.count() <= 0)
      return outcome::too_late;
    pollfd watched[] = {{scheduler.news.get(), POLLIN, 0}, {signals.get(), POLLIN, 0}};
    ::poll(watched, 2, static_cast<int>(left.count()));
    if (watched[1].revents != 0)
      return outcome::interrupted;
    if (watched[0].revents == 0)
      continue;
    char part[4096];
    auto count = ::read(scheduler.news.get(), part, sizeof part);
    if (count == 0)
      return outcome::ended;
    if (count > 0)
      said.append(part, static_cast<std::size_t>(count));
    for (auto end = said.find('\n'); end != said.npos; end = said.find('\n')) {
      auto line = said.substr(0, end);
      said.erase(0, end + 1);
      if (line == ready_word)
        return outcome::ready;
      notice(line);
    }
  }
}

/// Ends the scheduler that was started; returns when its process has ended.
void end_scheduler(pid_t pid) {
  auto ended = open_ended_descriptor(pid);
  ::kill(pid, SIGTERM);
  if (!ends_within(ended.get(), tuning::end_of_cluster))
    ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

/// The last message of the scheduler: "daskify-scheduler: The sentence." without the name.
std::string last_words(const fs::path& log) {
  constexpr std::string_view name = "daskify-scheduler: ";
  auto tail = log_tail(log, tuning::shown_lines);
  auto said = tail.rfind(name);
  auto is_sentence = said != tail.npos && (said == 0 || tail[said - 1] == '\n');
  return is_sentence ? tail.substr(said + name.size())
                     : "the scheduler ended without an error message; its log ends with: " + tail;
}

/// The options by which programs find this cluster; "" if they need none.
std::string how_to_find(const settings& with) {
  auto origin = with.origin("connection_directory");
  if (origin == "command line")
    return " --daskify.connection_directory " + quoted_for_shell(*with.connection_directory);
  auto line = origin.rfind(':'); // "cluster.conf:3"
  return line == origin.npos ? "" : " --config " + quoted_for_shell(origin.substr(0, line));
}

std::string without_full_stop(std::string sentence) {
  if (sentence.ends_with('.'))
    sentence.pop_back();
  return sentence;
}

void print_summary(const settings& with, const cluster_view& view) {
  const auto& all = view.all;
  auto count = all.workers.size();
  std::cout << "The cluster is up";
  if (!all.jobs.sentence.empty())
    std::cout << " (" << without_full_stop(all.jobs.sentence) << ")";
  else if (all.mode != "connect")
    std::cout << " with " << count << (count == 1 ? " worker" : " workers")
              << (all.mode == "local" ? " on this machine" : "");
  std::cout << ".\n\n";
  auto find = how_to_find(with);
  auto line = [](const char* what, const std::string& how) { std::cout << what << how << '\n'; };
  line("  its scheduler is at   ", to_text(view.scheduler));
  auto program = with.worker_program.value_or("./my_program");
  line("  programs attach by    ", quoted_for_shell(program) + find + " --mode connect");
  line("  more workers join by  ", "daskify-worker" + find +
                                       (with.load.empty() ? " --program " + quoted_for_shell(program)
                                                          : " --load " + quoted_for_shell(with.load.front())));
  line("  look at it by         ", "daskify status" + find);
  line("  end it by             ", "daskify down" + find);
  line("  its logs are in       ", all.log_folder);
  if (all.mode != "connect" && !with.worker_program && with.load.empty())
    std::cout << "\nIts workers know no functions: name your program by --program, or libraries by\n"
                 "--load, when you start it.\n";
}

} // namespace

int up(arguments given) {
  boost::program_options::options_description own{""};
  own.add_options()("dry-run", "start nothing; for SLURM: show the job script, and ask sbatch --test-only");
  parsed all{"up", own, std::move(given)};
  if (all.shows_help("[--dry-run] [--config FILE] [--program PROGRAM]\n"
                     "                  [--load LIBRARY] [--NAME VALUE]...",
                     "Starts a cluster that goes on when this terminal is closed: a scheduler on this\n"
                     "machine, and workers as the option mode says: on this machine (local), in jobs\n"
                     "of SLURM (slurm, test), on hosts that ssh reaches (hosts), or none, which come\n"
                     "by themselves then (connect). The workers are PROGRAM, or load the libraries.\n"
                     "Returns when the cluster takes work; jobs that wait longer than start_timeout\n"
                     "may come later.\n\n"
                     "Examples:\n"
                     "  daskify up --program ./my_program --size 8\n"
                     "  daskify up --load ./libmodel.so --mode slurm --size 64 --walltime 2h\n"
                     "  daskify up --config cluster.conf --dry-run"))
    return done;
  auto with = all.settings();
  with.resolve_paths();
  if (all.has("dry-run")) {
    if (with.is_on_slurm())
      preview_jobs(with, true);
    else if (with.mode == cluster_mode::hosts)
      std::cout << "This would start a scheduler on this machine, and " << with.fleet_size() << " workers on "
                << with.hosts.size() << " hosts.\n";
    else
      std::cout << "This would start a scheduler"
                << (with.mode == cluster_mode::connect
                        ? std::string{}
                        : " and " + std::to_string(with.size.value_or(usable_cpus())) + " workers")
                << " on this machine.\n";
    return done;
  }
  if (with.scheduler)
    throw config_error{error_code::bad_option_value, "The option scheduler (" + with.origin("scheduler") +
                                                         ") names a cluster that is there already; take it away to "
                                                         "start one on this machine."};
  if (why_no_cluster(with).empty())
    throw cluster_error{error_code::already_started, "A cluster is running already, published in the folder '" +
                                                         connection_directory(with).string() +
                                                         "'; end it by 'daskify down', or name another folder by "
                                                         "connection_directory."};

  auto program = own_program("daskify-scheduler");
  auto logs = make_log_folder(base_of_logs(with));
  auto log = logs.path / log_name;
  arguments command = as_arguments(with);
  command.insert(command.begin(),
                 {program.string(), "--start-workers", "--news-descriptor=" + std::to_string(news_descriptor),
                  "--log-folder=" + logs.path.string()});

  sigset_t ending;
  ::sigemptyset(&ending);
  for (int signal : {SIGINT, SIGTERM, SIGHUP})
    ::sigaddset(&ending, signal);
  ::sigprocmask(SIG_BLOCK, &ending, nullptr);
  file_descriptor signals{::signalfd(-1, &ending, SFD_CLOEXEC)};

  auto scheduler = start_detached(program, std::move(command), open_log(log));
  switch (wait_for(scheduler, signals, with.start_timeout + more_time)) {
  case outcome::ready:
    ::sigprocmask(SIG_UNBLOCK, &ending, nullptr); // the terminal may block while the summary is printed
    break;
  case outcome::ended:
    ::waitpid(scheduler.pid, nullptr, 0);
    throw cluster_error{error_code::worker_failed, "The cluster could not be started: " + last_words(log) +
                                                       "\nIts logs are in " + logs.path.string() + "."};
  case outcome::interrupted:
    end_scheduler(scheduler.pid);
    throw cluster_error{error_code::shut_down, "This was interrupted; what it had started of the cluster has ended."};
  case outcome::too_late:
    end_scheduler(scheduler.pid);
    throw cluster_error{error_code::start_timeout,
                        "The scheduler did not say within start_timeout and " + std::to_string(more_time.count()) +
                            " s that it takes work, and was ended; its log '" + log.string() +
                            "' ends with: " + log_tail(log, tuning::shown_lines)};
  }
  print_summary(with, look_at_cluster(with));
  return done;
}

} // namespace daskify::command
