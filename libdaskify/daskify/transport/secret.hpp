#pragma once

/// Secrets: random words that let a process into a session.

#include <cstddef>
#include <string>
#include <string_view>

namespace daskify::internal {

/// `bytes` random bytes of the kernel's as hexadecimal digits.
/// Throws cluster_error(session_failed) when the kernel has none.
std::string random_hex(std::size_t bytes);

/// Whether it is of the form of a secret: 32 bytes as hexadecimal digits.
bool is_secret(std::string_view text);

} // namespace daskify::internal
