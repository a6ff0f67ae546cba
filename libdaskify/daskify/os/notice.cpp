#include "daskify/os/notice.hpp"

#include "daskify/os/terminal.hpp"

#include <unistd.h>

namespace daskify::internal {

void notice(const std::string& text) {
  auto begin = is_able_terminal(STDERR_FILENO) ? '\r' + std::string{clear_to_end} : std::string{};
  static_cast<void>(write_soon(STDERR_FILENO, begin + text + '\n')); // dropped if the terminal accepts nothing
}

void print_line(const std::string& text) {
  static_cast<void>(write_soon(STDOUT_FILENO, text + '\n'));
}

} // namespace daskify::internal
