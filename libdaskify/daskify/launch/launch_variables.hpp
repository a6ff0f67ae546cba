#pragma once

/// How a launcher tells a process of this program what it is to be: a worker, or a node with workers of its own.

#include "daskify/protocol/endpoint.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace daskify::internal {

/// Exit code of a process that the scheduler did not admit.
inline constexpr int refused_exit_code = 3;

using launch_environment = std::vector<std::pair<std::string, std::string>>;

struct worker_launch {
  std::string session_folder;
  std::uint32_t slot = 0;
  std::size_t threads = 1;
  std::string log_file;
  std::string node;                   ///< name
  std::optional<endpoint> store;      ///< of its node; none: the scheduler tells
  std::vector<std::string> libraries; ///< to be loaded
  std::uint32_t cpus = 1;             ///< its share of its node's
};

struct node_launch {
  std::string session_folder;
  bool in_job = false;        ///< of a batch system, on any machine: the node finds out by itself what that has
  std::string unit;           ///< id of the job, where the job does not know its id; such a node has a lifeline
  bool in_step = false;       ///< the job has several nodes, started by srun
  bool by_hand = false;       ///< no launcher: nobody tells this by variables, and the session folder is the node's own
  std::uint32_t slot = 0;     ///< of no meaning in a job
  std::string name;           ///< the same
  std::string program_name;   ///< argv[0] of its workers
  std::string worker_program; ///< empty: this program
  std::string log_folder;
  std::uint32_t first_worker = 0; ///< slot; of no meaning in a job
  std::size_t workers = 1;
  std::size_t threads = 1; ///< of each worker
  std::chrono::milliseconds start_timeout{};
  std::chrono::milliseconds heartbeat_timeout{};
  std::uint64_t store_limit = 0; ///< bytes; 0: a share of what is free
  std::optional<std::string> spill_directory;
  std::vector<std::string> libraries; ///< that its workers load
  std::size_t workers_here = 0;       ///< on this machine, with those of other nodes; 0: only its own
  bool pin = false;                   ///< each worker has CPUs of its own
};

launch_environment to_environment(const worker_launch& what);
launch_environment to_environment(const node_launch& what);

/// What this process was launched as. The variables are removed, so that programs which tasks start are not taken for
/// workers.
std::optional<worker_launch> take_worker_launch();
std::optional<node_launch> take_node_launch();

} // namespace daskify::internal
