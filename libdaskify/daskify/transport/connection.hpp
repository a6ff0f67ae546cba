#pragma once

/// What a scheduler tells in the connection file, and the text it tells it in.

#include "daskify/os/process_identity.hpp"
#include "daskify/protocol/endpoint.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// Bytes; one that is larger is none of ours.
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

/// Whether others can read what `format_connection` gives.
bool is_valid(const connection& what);

/// Throws cluster_error(session_failed) for every text that `format_connection` does not give for a valid
/// connection; `file` is named in the message.
connection parse_connection(std::string_view text, const std::filesystem::path& file);

} // namespace daskify::internal
