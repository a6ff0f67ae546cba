#pragma once

#include "daskify/deploy/deployment.hpp"
#include "daskify/deploy/local/local_fleet.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace daskify::internal {

/// Workers on this machine. With several nodes, this process and its workers are the first node, and each other node is
/// a process with a store and workers of its own.
class local_deployment final : public deployment {
public:
  /// Throws config_error when there are more nodes than workers.
  explicit local_deployment(deployment_setup with);

  /// The name of the first node, which is this process.
  static std::string first_node_name(const settings& options);

  /// Number of workers; their slots begin with 0.
  std::size_t size() const noexcept { return size_; }

  void start() override;
  void wait_until_ready() override;
  void worker_enrolled(const enrol_request& who) override;
  void worker_refused(const enrol_request& who, const std::string& reason) override;
  void worker_silent(std::uint32_t slot, std::int32_t pid) override;
  void node_ready(std::uint32_t slot) override;
  void node_refused(const join_node& who, const std::string& reason) override;
  void node_silent(std::uint32_t slot, std::int32_t pid) override;
  worker_prospect prospect() override;
  void stop_replacing() override;
  void end_all() override;

private:
  void wait_for_first(std::size_t workers);
  local_fleet::setup fleet_setup();
  std::unique_ptr<local_fleet> fleet_of_workers();
  std::unique_ptr<local_fleet> fleet_of_nodes();
  std::pair<std::uint32_t, std::size_t> workers_of(std::size_t node) const;
  void fleet_exhausted(const std::string& reason);

  deployment_setup setup_;
  std::size_t size_;     ///< number of workers
  std::size_t at_start_; ///< workers that a start waits for
  std::atomic<std::size_t> working_fleets_;
  std::atomic<bool> is_up_{false}; ///< before, a failed start is reported by an exception
  std::unique_ptr<local_fleet> workers_;
  std::unique_ptr<local_fleet> nodes_; ///< null: this process is the only node
};

} // namespace daskify::internal
