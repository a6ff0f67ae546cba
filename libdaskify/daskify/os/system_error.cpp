#include "daskify/os/system_error.hpp"

#include "daskify/error.hpp"

#include <cerrno>
#include <system_error>

namespace daskify::internal {

void throw_errno(const std::string& what) {
  auto reason = errno;
  auto sentence = what + ": " + std::generic_category().message(reason);
  switch (reason) {
  case ENOMEM:
  case ENOSPC:
  case EDQUOT:
  case EFBIG:
    throw data_error{error_code::no_room, sentence + "; release data or ask for more memory"};
  case EMFILE:
  case ENFILE:
    throw data_error{error_code::store_failed, sentence + "; raise the limit (ulimit -n) or release data"};
  default:
    throw data_error{error_code::store_failed, sentence};
  }
}

} // namespace daskify::internal
