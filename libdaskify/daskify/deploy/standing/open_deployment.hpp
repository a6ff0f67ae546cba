#pragma once

#include "daskify/deploy/standing/standing_deployment.hpp"

#include <memory>
#include <mutex>
#include <set>

namespace daskify::internal {

/// A deployment that starts its own nodes and workers, in a cluster that other nodes (guests) may join by themselves.
/// Events of guests do not reach the own deployment.
class open_deployment final : public deployment {
public:
  explicit open_deployment(std::unique_ptr<deployment> own) : own_{std::move(own)} {}

  void start() override { own_->start(); }
  void wait_until_ready() override { own_->wait_until_ready(); }
  void worker_enrolled(const enrol_request& who) override { own_->worker_enrolled(who); }
  void worker_refused(const enrol_request& who, const std::string& reason) override {
    own_->worker_refused(who, reason);
  }
  void worker_silent(std::uint32_t slot, std::int32_t pid) override { own_->worker_silent(slot, pid); }
  void node_joined(std::uint32_t slot, const join_node& who) override;
  void node_ready(std::uint32_t slot) override { of(slot).node_ready(slot); }
  void node_refused(const join_node& who, const std::string& reason) override;
  void node_silent(std::uint32_t slot, std::int32_t pid) override { of(slot).node_silent(slot, pid); }
  void node_leaving(std::uint32_t slot) override { of(slot).node_leaving(slot); }
  void node_drained(std::uint32_t slot) override { of(slot).node_drained(slot); }
  void node_left(std::uint32_t slot) override;
  bool is_adaptive() const override { return own_->is_adaptive(); }
  void demand(std::uint64_t threads, std::uint64_t workers, const std::vector<std::uint32_t>& idle_nodes) override {
    own_->demand(threads, workers, idle_nodes);
  }
  std::optional<fleet_report> jobs() override { return own_->jobs(); }
  void stop_replacing() override { own_->stop_replacing(); }
  void end_all() override;

private:
  static bool is_guest(const join_node& who) { return who.slot == any_slot && who.job.empty(); }
  deployment& of(std::uint32_t slot);

  std::unique_ptr<deployment> own_;
  standing_deployment guests_;
  std::mutex mutex_;
  std::set<std::uint32_t> guest_slots_; ///< of connected guests
};

} // namespace daskify::internal
