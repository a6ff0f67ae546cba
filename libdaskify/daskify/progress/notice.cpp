#include "daskify/progress/notice.hpp"

#include "daskify/progress/terminal.hpp"

#include <unistd.h>
#include <utility>

namespace daskify::internal {

void say(const std::string& text) {
  auto begin = is_able_terminal(STDERR_FILENO) ? '\r' + std::string{clear_to_end} : std::string{};
  static_cast<void>(write_all(STDERR_FILENO, begin + text + '\n')); // where nobody reads, nobody is told
}

std::string idle_notice::take(time_point now, bool somebody_works, const std::string& words) {
  if (somebody_works) {
    since_.reset();
    return std::exchange(told_, {}).empty() ? std::string{} : words;
  }
  if (!since_)
    since_ = now;
  if (now - *since_ < patience || told_ == words)
    return {};
  return told_ = words;
}

} // namespace daskify::internal
