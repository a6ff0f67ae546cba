#include "daskify/os/file_descriptor.hpp"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace daskify::internal {

file_descriptor& file_descriptor::operator=(file_descriptor&& other) noexcept {
  if (this != &other) {
    reset();
    number_ = std::exchange(other.number_, -1);
  }
  return *this;
}

void file_descriptor::reset() noexcept {
  if (number_ >= 0)
    ::close(std::exchange(number_, -1));
}

void keep_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF)
      static_cast<void>(::open("/dev/null", O_RDWR)); // takes the lowest free number
}

} // namespace daskify::internal
