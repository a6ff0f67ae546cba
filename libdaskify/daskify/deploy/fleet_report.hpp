#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace daskify::internal {

/// The jobs of a fleet, counted for people.
struct fleet_report {
  std::size_t wanted = 0;                     ///< how many there should be
  std::size_t submitted = 0;                  ///< the system has said nothing of them yet
  std::size_t pending = 0;                    ///< by the system's word
  std::map<std::string, std::size_t> reasons; ///< of that, by the system's reason
  std::size_t starting = 0;                   ///< running by the system's word, and the node has not enrolled
  std::size_t enrolled = 0;
  std::size_t draining = 0;
  std::size_t lost = 0; ///< the node's connection ended, and the system has not said why
  std::string system;   ///< name of the batch system
  std::string sentence; ///< all of that, and what keeps it from being as it should

  friend bool operator==(const fleet_report&, const fleet_report&) = default;
};

} // namespace daskify::internal
