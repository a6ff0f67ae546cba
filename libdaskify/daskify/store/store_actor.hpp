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
  using freed = store_core<segment>::freed_objects;

  object_location location(object_id object) const;
  /// Lets go of objects and tells the scheduler.
  void let_go(freed objects);
  bool from_this_process() const;

  pointer self_;
  store_core<segment> core_;
  std::unordered_map<object_id, std::uint64_t> types_;
  friend store_actor::behavior_type store_behavior(pointer self);

public:
  scheduler_actor scheduler; ///< hears of freed objects; set once it exists, by `meet_scheduler`
};

store_actor::behavior_type store_behavior(store_state::pointer self);

/// The sentence of a failed request: an error of daskify that travelled as a CAF error, or CAF's own.
caf::error to_caf_error(const error& e);
[[noreturn]] void throw_caf_error(const caf::error& e, const std::string& otherwise);

} // namespace daskify::internal
