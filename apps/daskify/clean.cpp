#include "command.hpp"

#include "daskify/config/user_folder.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"
#include "daskify/launch/log_folder.hpp"
#include "daskify/text/printable.hpp"
#include "daskify/transport/find_cluster.hpp"
#include "daskify/transport/network.hpp"

#include <algorithm>
#include <iostream>
#include <set>

namespace daskify::command {

using namespace daskify::internal;
namespace fs = std::filesystem;

namespace {

using age = std::chrono::milliseconds;

constexpr auto look_patience = std::chrono::seconds{1};

/// Time since the last change of any file in the folder.
age age_of(const fs::path& folder) {
  std::error_code failed;
  auto last = fs::last_write_time(folder, failed);
  for (const auto& entry : fs::recursive_directory_iterator{folder, failed})
    if (std::error_code gone; !entry.is_symlink(gone))
      if (auto written = entry.last_write_time(gone); !gone)
        last = std::max(last, written);
  return std::chrono::duration_cast<age>(fs::file_time_type::clock::now() - last);
}

bool is_dead(const connection& told) {
  return !why_ended(told).empty();
}

class cleaner {
public:
  cleaner(age older_than, bool only_says) : older_than_{older_than}, only_says_{only_says} {}

  void sessions_in(const fs::path& base) {
    for (const auto& found : all_of([&] { return session_folder::list(base); })) {
      auto has_ended = found.where ? is_dead(*found.where) : found.is_stale;
      auto why = has_ended ? "its program has ended" : why_foreign_is_dead(found);
      if (why.empty() || !seen_.insert(found.folder.path()).second)
        continue;
      if (only_says_ || found.folder.remove())
        say("session", found.folder.path(), why);
      else if (std::error_code gone; fs::exists(found.folder.path(), gone))
        cannot_remove(found.folder.path(), "not all in it may be removed");
    }
  }

  /// Removes the connection data of a dead scheduler from a folder that the next scheduler will use.
  void connection_in(const fs::path& path) {
    if (!session_folder::is_told_in(path))
      return;
    auto folder = session_folder::open(path);
    if (only_says_ ? is_dead(folder.read_connection()) : folder.remove_if_abandoned(is_dead))
      say("cluster", path, "its scheduler has ended");
  }

  void logs_in(const fs::path& base) {
    for (const auto& path : all_of([&] { return log_folders_in(base); })) {
      if (age_of(path) <= older_than_ || is_in_use(path) || !seen_.insert(fs::absolute(path)).second)
        continue;
      std::error_code failed;
      if (!only_says_)
        fs::remove_all(path, failed);
      if (failed)
        cannot_remove(path, failed.message());
      else
        say("logs", path, "older than " + duration{}.write(older_than_));
    }
  }

  std::size_t count() const noexcept { return count_; }
  bool had_problems() const noexcept { return had_problems_; }

private:
  /// The reason why a session on another machine is considered dead: it does not answer, and nothing was written for a
  /// long time. Empty if it may be alive.
  std::string why_foreign_is_dead(const session_folder::listed& found) const {
    if (!found.where || is_of_this_machine(found.where->owner) || age_of(found.folder.path()) <= older_than_)
      return {};
    auto answer = find_reachable(found.where->addresses, look_patience);
    return std::holds_alternative<reached>(answer) ? ""
                                                   : "of another machine, older than " + duration{}.write(older_than_);
  }

  /// An empty list if listing fails; the cleaning continues.
  template <class List>
  auto all_of(List list) -> decltype(list()) {
    try {
      return list();
    } catch (const cluster_error& e) {
      complain(e.what());
      return {};
    }
  }

  void cannot_remove(const fs::path& path, const std::string& why) {
    complain("'" + path.string() + "' cannot be removed (" + why + "); do it as its owner.");
  }

  void complain(const std::string& sentence) {
    std::cerr << "daskify clean: " << sentence << '\n';
    had_problems_ = true;
  }

  void say(const char* what, const fs::path& path, const std::string& why) {
    std::cout << (only_says_ ? "would remove " : "removed ") << what << ' ' << path.string() << " (" << why << ")\n";
    ++count_;
  }

  age older_than_;
  bool only_says_;
  std::set<fs::path> seen_;
  std::size_t count_ = 0;
  bool had_problems_ = false;
};

age read_age(const std::string& text) {
  try {
    return duration{}.read(text);
  } catch (const bad_value& why) {
    throw config_error{error_code::bad_option_value, "cannot use " + in_quotes(text) + " for '--older-than': it " +
                                                         why.what() + "; give " + duration{}.form()};
  }
}

} // namespace

int clean(arguments given) {
  namespace po = boost::program_options;
  po::options_description own{""};
  own.add_options()("older-than", po::value<std::string>()->value_name("TIME")->default_value("7d"),
                    "of logs, and of sessions on other machines: how long nothing was written")(
      "dry-run", "remove nothing, and say what would be removed");
  parsed all{"clean", own, std::move(given)};
  if (all.shows_help("[--older-than TIME] [--dry-run] [--config FILE]",
                     "Removes the folders of sessions whose programs have ended, and old logs in\n"
                     "~/.daskify/logs, and where these settings put them. What belongs to a session\n"
                     "that lives stays.\n"
                     "Of a session on another machine that is not known; its folder goes only when\n"
                     "nobody answers there and nothing was written for TIME.\n\n"
                     "Examples:\n"
                     "  daskify clean\n"
                     "  daskify clean --older-than 1h --dry-run"))
    return done;
  const auto& with = all.settings();
  cleaner cleaning{read_age(all.get<std::string>("older-than")), all.has("dry-run")};
  cleaning.sessions_in(with.session_directory.value_or(""));
  cleaning.connection_in(connection_directory(with));
  if (auto folder = find_user_folder()) {
    cleaning.sessions_in(*folder);
    cleaning.logs_in(base_of_logs({}));
  }
  if (with.log_directory || with.session_directory)
    cleaning.logs_in(base_of_logs(with));
  if (cleaning.had_problems())
    return failed;
  if (cleaning.count() == 0)
    std::cout << "There is nothing to remove.\n";
  return done;
}

} // namespace daskify::command
