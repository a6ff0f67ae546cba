#pragma once

/// The command that starts a node on a host. All functions here are pure and thread-safe.

#include "daskify/launch/launch_variables.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace daskify::internal {

struct host_request {
  std::string host;               ///< as ssh takes it: "n1", "someone@n1"
  std::vector<std::string> extra; ///< options of ssh; "-p 22" is one option
  std::vector<std::string> prologue;
  std::string working_directory; ///< "": the home
  launch_environment environment;
  std::string program; ///< a path on the host
};

/// The argument list of ssh, beginning with the name of the program. The input of ssh is the lifeline of the node.
/// Throws config_error(bad_option_value) for an option that would cut the lifeline of the node.
std::vector<std::string> ssh_command(const host_request& request);

/// The line that a host prints before it runs anything for the request. If ssh ends with code 255 after this line, it
/// has lost a host that it had reached.
std::string_view reached_line() noexcept;

} // namespace daskify::internal
