#pragma once

/// Variables by which a launcher tells a process of this program its role: a worker, or a node with its own workers.

#include "daskify/config/settings.hpp"
#include "daskify/protocol/endpoint.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace daskify::internal {

/// Exit code of a process that the scheduler rejected.
inline constexpr int refused_exit_code = 3;

using launch_environment = std::vector<std::pair<std::string, std::string>>;

struct worker_launch {
  std::string session_folder;
  std::uint32_t slot = 0;
  std::size_t threads = 1;
  std::string log_file;
  std::string node;                   ///< its name
  std::optional<endpoint> store;      ///< of its node; none: the scheduler sends it
  std::vector<std::string> libraries; ///< that it loads
  std::uint32_t cpus = 1;             ///< its share of its node's CPUs
};

struct node_launch {
  std::string session_folder;
  bool in_job = false;        ///< of a batch system, on any machine: the node detects the machine's resources itself
  std::string unit;           ///< id of the job, if the job does not know its id; such a node has a lifeline
  bool in_step = false;       ///< the job has several nodes, started by srun
  bool by_hand = false;       ///< no launcher: never passed by variables, and the session folder belongs to the node
  std::uint32_t slot = 0;     ///< meaningless in a job
  std::string name;           ///< meaningless in a job
  std::string program_name;   ///< argv[0] of its workers
  std::string worker_program; ///< empty: this program
  std::string log_folder;
  std::uint32_t first_worker = 0; ///< slot; meaningless in a job
  std::size_t workers = 1;
  std::size_t threads = 1; ///< of each worker
  std::chrono::milliseconds start_timeout{};
  std::chrono::milliseconds heartbeat_timeout{};
  std::uint64_t store_limit = 0; ///< bytes; 0: a share of the free memory
  std::optional<std::string> spill_directory;
  std::vector<std::string> libraries; ///< that its workers load
  std::size_t workers_here = 0;       ///< on this machine, including those of other nodes; 0: only its own
  bool pin = false;                   ///< each worker is bound to its own CPUs
};

/// The fields that follow from the options alone, whoever launches the node.
node_launch node_with(const settings& options);

launch_environment to_environment(const worker_launch& what);
launch_environment to_environment(const node_launch& what);

/// Returns what this process was launched as. Removes the variables, so that programs started by tasks are not taken
/// for workers.
std::optional<worker_launch> take_worker_launch();
std::optional<node_launch> take_node_launch();

} // namespace daskify::internal
