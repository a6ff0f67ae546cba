#include "daskify/progress/notice.hpp"

#include <iostream>
#include <unistd.h>
#include <utility>

namespace daskify::internal {

void say(const std::string& text) {
  std::cerr << (::isatty(STDERR_FILENO) == 1 ? "\r\x1b[K" : "") + text + '\n' << std::flush;
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
