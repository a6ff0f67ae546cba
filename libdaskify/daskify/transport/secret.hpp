#pragma once

/// Secrets: random words that admit a process to a session.

#include <cstddef>
#include <string>
#include <string_view>

namespace daskify::internal {

/// Returns `bytes` random bytes of the kernel as hexadecimal digits. Throws cluster_error(session_failed) if the kernel
/// provides none.
std::string random_hex(std::size_t bytes);

/// Whether `text` has the form of a secret: 32 bytes as hexadecimal digits.
bool is_secret(std::string_view text);

} // namespace daskify::internal
