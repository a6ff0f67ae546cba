#pragma once

/// The addresses at which processes on other machines find this one, and probing of addresses.

#include "daskify/protocol/endpoint.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace daskify::internal {

inline constexpr auto loopback = "127.0.0.1";

/// One address of an interface that is up.
struct interface_address {
  std::string interface; ///< "eth0"
  std::string address;   ///< numeric, IPv6 without brackets
  bool is_loopback = false;
  bool is_ipv6 = false;

  bool operator==(const interface_address&) const = default;
};

/// The addresses of this machine, in the order of the kernel, without link-local ones. Throws
/// cluster_error(session_failed).
std::vector<interface_address> interface_addresses();

/// The addresses to publish, best first: those of networks before the loopback, which still serves processes on this
/// machine, and IPv4 before IPv6. With the name of an interface: only its addresses. Throws
/// config_error(bad_option_value), which lists the interfaces, if there is no such one.
std::vector<std::string> addresses_to_publish(const std::vector<interface_address>& all,
                                              const std::optional<std::string>& interface);

/// An address that answered.
struct reached {
  endpoint peer;
  std::string own_address; ///< of this machine on that connection: known in the peer's network
};

/// The results of all addresses that were tried.
struct unreached {
  std::string tried; ///< "10.0.0.1:4711 (Connection refused), ..."
};

/// Connects to each address in turn, waiting at most `patience` for each, until one answers; disconnects at once.
std::variant<reached, unreached> find_reachable(const std::vector<endpoint>& addresses,
                                                std::chrono::milliseconds patience);

} // namespace daskify::internal
