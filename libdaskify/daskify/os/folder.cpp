#include "daskify/os/folder.hpp"

#include "daskify/error.hpp"

#include <algorithm>
#include <string>
#include <system_error>

namespace daskify::internal {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const std::string& what, const std::error_code& problem, const char* remedy) {
  throw cluster_error{error_code::session_failed, what + " (" + problem.message() + "); " + remedy};
}

} // namespace

void make_folder(const fs::path& path, const char* option) {
  std::error_code failed;
  // A new folder is accessible to its owner only, because SLURM creates the logs of jobs with the user's umask.
  if (fs::create_directories(path, failed) && !failed)
    fs::permissions(path, fs::perms::owner_all, failed);
  if (failed)
    fail("The " + std::string{option} + " '" + path.string() + "' cannot be made", failed,
         "name a folder that you may write to.");
}

std::vector<fs::directory_entry> entries_of(const fs::path& folder) {
  std::vector<fs::directory_entry> all;
  std::error_code failed;
  for (fs::directory_iterator entry{folder, failed}, end; !failed && entry != end; entry.increment(failed))
    all.push_back(*entry);
  if (failed && failed != std::errc::no_such_file_or_directory)
    fail("The folder '" + folder.string() + "' cannot be looked into", failed, "do it as its owner.");
  std::ranges::sort(all);
  return all;
}

} // namespace daskify::internal
