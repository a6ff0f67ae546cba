#pragma once

#include "daskify/deploy/deployment.hpp"
#include "daskify/os/child_process.hpp"
#include "daskify/os/process_watcher.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace daskify::internal {

/// Nodes in the allocation that this process itself runs in, started together by one srun. A lost node is not replaced,
/// because its part of the allocation is gone, or the node would be lost again.
class srun_deployment final : public deployment {
public:
  explicit srun_deployment(deployment_setup with);

  /// Whether this process runs in an allocation of SLURM's.
  static bool is_in_allocation();

  void start() override;
  void wait_until_ready() override;
  void worker_refused(const enrol_request& who, const std::string& reason) override;
  void node_joined(std::uint32_t slot, const join_node& who) override;
  void node_ready(std::uint32_t slot) override;
  void node_refused(const join_node& who, const std::string& reason) override;
  void node_leaving(std::uint32_t) override {} // the whole job ends, and this process with it
  void node_left(std::uint32_t slot) override;
  worker_prospect prospect() override;
  void stop_replacing() override;
  void end_all() override;

private:
  using clock = std::chrono::steady_clock;

  void srun_ended(const exit_status& status);
  void fail(const std::string& sentence);

  deployment_setup setup_;
  std::size_t size_;     ///< number of nodes
  std::size_t at_start_; ///< nodes that a start waits for
  std::size_t lost_ = 0; ///< lost nodes
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint32_t, bool> nodes_;  ///< connected nodes, by slot: whether the node is ready
  std::optional<clock::time_point> end_; ///< of the allocation
  std::string problem_;
  bool has_started_ = false; ///< a node has joined
  bool running_ = false;
  bool stopping_ = false;
  process_watcher watcher_; ///< last, because its thread uses the other members
};

} // namespace daskify::internal
