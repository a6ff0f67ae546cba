#pragma once

#include "daskify/protocol/actors.hpp"
#include "daskify/store/shared_memory.hpp"
#include "daskify/store/store_core.hpp"

#include <unordered_map>

namespace daskify::internal {

/// The store core as an actor: keeps the objects of one node alive and tells where they are. Never touches their bytes.
class store_state {
public:
  using pointer = store_actor::stateful_pointer<store_state>;

  explicit store_state(pointer self) : self_{self} {}

  store_actor::behavior_type make_behavior();

private:
  object_location location(object_id object) const;
  /// Lets go of objects and tells the workers, through the scheduler.
  void let_go(const store_core<segment>::freed_objects& freed);
  bool from_this_process() const;

  pointer self_;
  store_core<segment> core_;
  std::unordered_map<object_id, std::uint64_t> types_; ///< hash of each object's type
  scheduler_actor scheduler_;
};

store_actor::behavior_type store_behavior(store_state::pointer self);

} // namespace daskify::internal
