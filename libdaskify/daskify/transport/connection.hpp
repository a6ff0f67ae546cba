#pragma once

/// The content of the connection file, which a scheduler writes, and its text form.

#include "daskify/os/process_identity.hpp"
#include "daskify/protocol/endpoint.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// In bytes; a larger file is not written by daskify.
inline constexpr std::size_t largest_connection_text = 64 * 1024;

/// What a process must know to join a session. Words have no blanks; a secret is 32 bytes as 64 hex digits.
struct connection {
  std::string session_id;
  std::vector<endpoint> addresses; ///< at least one, best first
  std::string secret = {};
  process_identity owner; ///< the session ends with this process
  std::string build_id;

  bool operator==(const connection&) const = default;
};

std::string format_connection(const connection& what);

/// Whether `parse_connection` accepts what `format_connection` writes.
bool is_valid(const connection& what);

/// Throws cluster_error(session_failed) for every text that `format_connection` does not write for a valid connection;
/// the message names `file`.
connection parse_connection(std::string_view text, const std::filesystem::path& file);

} // namespace daskify::internal
