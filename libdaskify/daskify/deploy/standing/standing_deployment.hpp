#pragma once

#include "daskify/deploy/deployment.hpp"

#include <condition_variable>
#include <mutex>
#include <set>

namespace daskify::internal {

/// Starts nothing: nodes join by themselves, and end by themselves when asked to, or when the scheduler is gone. While
/// there is no node, tasks wait.
class standing_deployment final : public deployment {
public:
  void start() override {}
  void wait_until_ready() override {}
  void worker_refused(const enrol_request&, const std::string&) override {}
  void node_joined(std::uint32_t slot, const join_node& who) override;
  void node_ready(std::uint32_t) override {}
  void node_refused(const join_node&, const std::string&) override {}
  void node_silent(std::uint32_t slot, std::int32_t pid) override;
  void node_left(std::uint32_t slot) override;
  void stop_replacing() override {}
  /// Waits for a while until the connected nodes have left.
  void end_all() override;

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::uint32_t> nodes_; ///< slots of the connected nodes
};

} // namespace daskify::internal
