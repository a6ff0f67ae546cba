#include "daskify/deploy/own_programs.hpp"

#include "daskify/error.hpp"

#include <cstdlib>
#include <system_error>
#include <unistd.h>

namespace daskify::internal {

std::filesystem::path own_program(std::string_view name) {
  std::error_code failed;
  auto path = std::filesystem::read_symlink("/proc/self/exe", failed).parent_path() / name;
  if (failed || ::access(path.c_str(), X_OK) != 0)
    throw cluster_error{error_code::command_failed, "The program '" + path.string() +
                                                        "' is not there or may not be executed; install " +
                                                        std::string{name} + " in the same folder as this program."};
  return path;
}

std::filesystem::path user_folder(std::string_view option) {
  const auto* home = std::getenv("HOME");
  if (!home || *home == '\0')
    throw cluster_error{error_code::session_failed, "HOME is not set, where the folder .daskify would be; name another "
                                                    "folder by " +
                                                        std::string{option} + "."};
  return std::filesystem::path{home} / ".daskify";
}

} // namespace daskify::internal
