#include "command.hpp"

#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"
#include "daskify/host/cluster_control.hpp"
#include "daskify/launch/log_folder.hpp"
#include "daskify/os/folder.hpp"
#include "daskify/os/log_tail.hpp"
#include "daskify/progress/progress_text.hpp"
#include "daskify/text/byte_count.hpp"
#include "daskify/text/nearest.hpp"
#include "daskify/text/printable.hpp"
#include "daskify/transport/find_cluster.hpp"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>
#include <poll.h>

namespace daskify::command {

using namespace daskify::internal;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t default_lines = 20;
constexpr std::size_t most_bytes = std::size_t{1} << 20; ///< bytes at the end of a log that are read
constexpr int look_interval_ms = 200;                    ///< polled: changes on another machine cause no notification

struct log_file {
  std::string name; ///< without ".log"
  fs::path path;
  std::uint64_t size = 0;
  fs::file_time_type changed;
};

/// Sorted by name, and by number for workers.
std::vector<log_file> logs_in(const fs::path& folder) {
  std::vector<log_file> all;
  for (const auto& entry : entries_of(folder))
    if (std::error_code gone; entry.path().extension() == ".log" && entry.is_regular_file(gone))
      all.push_back({entry.path().stem().string(), entry.path(), entry.file_size(gone), entry.last_write_time(gone)});
  std::ranges::sort(all, {}, [](const log_file& l) {
    auto digits = l.name.find_last_not_of("0123456789") + 1;
    return std::tuple{l.name.substr(0, digits), l.name.size() - digits, l.name};
  });
  return all;
}

/// The log folder of the running cluster, or otherwise of the last one; none if there are no logs. A log_directory on
/// the command line may also be the folder of one cluster, independent of a running one.
std::optional<fs::path> folder_of_logs(const settings& with) {
  bool is_named = with.origin("log_directory") == "command line";
  if (is_named && !logs_in(base_of_logs(with)).empty())
    return base_of_logs(with);
  if (!is_named && why_no_cluster(with).empty())
    try {
      auto folder = look_at_cluster(with).all.log_folder;
      if (folder.empty())
        throw data_error{
            error_code::bad_argument,
            "The scheduler was started by hand, and keeps no logs; its workers' are where daskify-worker was "
            "told to put them (option log_directory)."};
      return folder;
    } catch (const cluster_error& e) {
      std::cerr << "The cluster cannot be asked for its logs, these are the latest: " << e.what() << '\n';
    }
  auto all = log_folders_in(base_of_logs(with));
  return all.empty() ? std::nullopt : std::optional{all.back()};
}

/// `name` is "worker-3", "worker-3.log", or for a job its number alone: "12_0".
const log_file& log_called(const std::string& name, const std::vector<log_file>& all, const fs::path& folder) {
  for (const auto& spelt : {name, "job-" + name, name.ends_with(".log") ? name.substr(0, name.size() - 4) : name})
    if (auto found = std::ranges::find(all, spelt, &log_file::name); found != all.end())
      return *found;
  std::vector<std::string_view> names;
  for (const auto& l : all)
    names.push_back(l.name);
  auto meant = nearest(name, names);
  throw data_error{error_code::bad_argument,
                   "There is no log of " + in_quotes(name) + " in '" + folder.string() + "'" +
                       (meant ? ": did you mean '" + std::string{*meant} + "'?" : "; 'daskify logs' lists them.")};
}

void list(const std::vector<log_file>& all, const fs::path& folder) {
  std::cout << printable(folder.string()) << '\n';
  std::size_t longest = 0;
  for (const auto& l : all)
    longest = std::max(longest, printable(l.name).size());
  auto now = fs::file_time_type::clock::now();
  for (const auto& l : all) {
    auto name = printable(l.name);
    auto size = format_bytes(l.size);
    auto unchanged = std::max(now - l.changed, fs::file_time_type::duration{0});
    std::cout << "  " << name << std::string(longest - name.size() + 2, ' ')
              << std::string(size.size() < 10 ? 10 - size.size() : 0, ' ') << size << "  written "
              << duration_text(std::chrono::duration_cast<std::chrono::nanoseconds>(unchanged)) << " ago\n";
  }
  if (all.empty())
    std::cout << "  There are no logs yet.\n";
}

/// Prints what is appended to the log, line by line, until this process is ended.
[[noreturn]] void follow(const log_file& log, std::uint64_t seen) {
  while (true) {
    auto end = read_log_end(log.path, most_bytes);
    if (end.size < seen)
      seen = 0; // the file was truncated
    auto fresh = std::min<std::uint64_t>(end.size - seen, end.bytes.size());
    auto text = std::string_view{end.bytes}.substr(end.bytes.size() - fresh);
    auto whole = text.substr(0, text.rfind('\n') + 1); // none: 0
    std::cout << printable(whole) << std::flush;
    if (!std::cout)
      std::exit(failed); // the reader of the output has ended
    seen = end.size - (text.size() - whole.size());
    ::poll(nullptr, 0, look_interval_ms);
  }
}

} // namespace

int logs(arguments given) {
  namespace po = boost::program_options;
  po::options_description own{""};
  own.add_options()("log", po::value<std::string>()->value_name("NAME"), "the log to show: may stand alone, too")(
      "lines", po::value<std::string>()->value_name("N"),
      "number of trailing lines to show (default 20)")("follow", "go on with what is printed, until Ctrl-C");
  parsed all{"logs", own, std::move(given), "log"};
  if (all.shows_help("[WORKER|JOB|scheduler] [--lines N] [--follow] [--config F]",
                     "Lists the logs of the cluster, or of the last one where none runs; or shows the\n"
                     "end of one, with control characters escaped.\n\n"
                     "Examples:\n"
                     "  daskify logs\n"
                     "  daskify logs worker-3 --lines 100\n"
                     "  daskify logs 4711_2\n"
                     "  daskify logs scheduler --follow"))
    return done;
  auto lines = default_lines;
  if (all.has("lines"))
    try {
      lines = whole_number{0, 1'000'000}.read(all.get<std::string>("lines"));
    } catch (const bad_value& why) {
      throw config_error{error_code::bad_option_value, "cannot use " + in_quotes(all.get<std::string>("lines")) +
                                                           " for '--lines': it " + why.what() + "; give " +
                                                           whole_number{0, 1'000'000}.form()};
    }
  auto folder = folder_of_logs(all.settings());
  if (!folder) {
    std::cerr << "There are no logs: no cluster has left any in '" << base_of_logs(all.settings()).string() << "'.\n";
    return no_cluster;
  }
  auto there = logs_in(*folder);
  if (!all.has("log")) {
    if (all.has("follow"))
      throw config_error{error_code::bad_option_value,
                         "--follow needs the name of one log; 'daskify logs' lists them."};
    list(there, *folder);
    return done;
  }
  const auto& log = log_called(all.get<std::string>("log"), there, *folder);
  auto end = read_log_end(log.path, most_bytes);
  auto text = last_lines(end, lines);
  std::cout << text << (text.empty() ? "" : "\n") << std::flush;
  if (all.has("follow"))
    follow(log, end.size);
  return done;
}

} // namespace daskify::command
