#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace daskify::internal {

/// The job counts of a fleet, for display.
struct fleet_report {
  std::string system;                         ///< name of the batch system
  std::size_t wanted = 0;                     ///< the target
  std::size_t submitted = 0;                  ///< not reported by the system yet
  std::size_t pending = 0;                    ///< as reported by the system
  std::map<std::string, std::size_t> reasons; ///< pending jobs by the system's reason
  std::size_t starting = 0;                   ///< reported as running, but the node has not enrolled
  std::size_t enrolled = 0;
  std::size_t draining = 0;
  std::size_t lost = 0; ///< the node's connection ended, and the system has not reported why
  std::string sentence; ///< the counts, and what keeps the fleet from its target

  friend bool operator==(const fleet_report&, const fleet_report&) = default;
};

} // namespace daskify::internal
