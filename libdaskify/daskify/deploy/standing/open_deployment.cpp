#include "daskify/deploy/standing/open_deployment.hpp"

namespace daskify::internal {

deployment& open_deployment::of(std::uint32_t slot) {
  std::lock_guard guard{mutex_};
  return guest_slots_.contains(slot) ? guests_ : *own_;
}

void open_deployment::node_joined(std::uint32_t slot, const join_node& who) {
  if (is_guest(who)) {
    std::lock_guard guard{mutex_};
    guest_slots_.insert(slot);
  }
  of(slot).node_joined(slot, who);
}

void open_deployment::node_refused(const join_node& who, const std::string& reason) {
  if (!is_guest(who))
    own_->node_refused(who, reason);
}

void open_deployment::node_left(std::uint32_t slot) {
  of(slot).node_left(slot);
  std::lock_guard guard{mutex_};
  guest_slots_.erase(slot);
}

void open_deployment::end_all() {
  own_->end_all();
  guests_.end_all();
}

} // namespace daskify::internal
