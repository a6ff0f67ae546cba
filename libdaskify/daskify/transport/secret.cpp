#include "daskify/transport/secret.hpp"

#include "daskify/error.hpp"
#include "daskify/text/hex.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <sys/random.h>
#include <system_error>

namespace daskify::internal {

namespace {

constexpr std::size_t secret_digits = 64;

} // namespace

bool is_secret(std::string_view text) {
  return text.size() == secret_digits && text.find_first_not_of(hex_digits) == text.npos;
}

std::string random_hex(std::size_t bytes) {
  std::string digits;
  digits.reserve(2 * bytes);
  while (digits.size() < 2 * bytes) {
    std::array<unsigned char, 32> random{};
    auto count = std::min(random.size(), bytes - digits.size() / 2);
    if (::getentropy(random.data(), count) != 0)
      throw cluster_error{error_code::session_failed,
                          "cannot get random bytes from the system for the session's secret: " +
                              std::generic_category().message(errno) + "; Linux 3.17 or later is needed"};
    for (auto byte : std::span{random}.first(count)) {
      append_hex(digits, byte);
    }
  }
  return digits;
}

} // namespace daskify::internal
