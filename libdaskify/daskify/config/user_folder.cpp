#include "daskify/config/user_folder.hpp"

#include "daskify/error.hpp"

#include <cstdlib>
#include <string>

namespace daskify::internal {

std::optional<std::filesystem::path> find_user_folder() {
  const auto* home = std::getenv("HOME");
  if (!home || *home == '\0')
    return {};
  return std::filesystem::path{home} / ".daskify";
}

std::filesystem::path user_folder(std::string_view option) {
  if (auto found = find_user_folder())
    return *found;
  throw cluster_error{error_code::session_failed, "HOME is not set, where the folder .daskify would be; name another "
                                                  "folder by " +
                                                      std::string{option} + "."};
}

} // namespace daskify::internal
