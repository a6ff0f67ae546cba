#include "daskify/os/own_program.hpp"

#include "daskify/error.hpp"

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

} // namespace daskify::internal
