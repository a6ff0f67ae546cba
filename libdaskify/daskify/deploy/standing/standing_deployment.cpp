#include "daskify/deploy/standing/standing_deployment.hpp"

#include "daskify/defaults.hpp"

namespace daskify::internal {

void standing_deployment::node_joined(std::uint32_t slot, const join_node&) {
  std::lock_guard guard{mutex_};
  nodes_.insert(slot);
}

void standing_deployment::node_silent(std::uint32_t slot, std::int32_t) {
  node_left(slot);
}

void standing_deployment::node_left(std::uint32_t slot) {
  {
    std::lock_guard guard{mutex_};
    nodes_.erase(slot);
  }
  changed_.notify_all();
}

void standing_deployment::end_all() {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, 2 * tuning::stop_grace,
                    [this] { return nodes_.empty(); }); // nodes give their workers half of this time
}

} // namespace daskify::internal
