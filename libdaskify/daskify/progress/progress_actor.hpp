#pragma once

#include "daskify/progress/progress_core.hpp"
#include "daskify/progress/progress_feed.hpp"
#include "daskify/protocol/actors.hpp"

#include <map>
#include <memory>

namespace daskify::internal {

/// Converts the scheduler's counts to snapshots with rate and time left, for each monitor.
class progress_state {
public:
  using pointer = progress_actor::stateful_pointer<progress_state>;

  explicit progress_state(pointer self) : self_{self} {}
  ~progress_state();

  progress_actor::behavior_type make_behavior(scheduler_for_clients scheduler);

private:
  struct monitor {
    std::shared_ptr<progress_feed> feed;
    progress_core core;
    bool watched = false; ///< its first counts have arrived
  };

  pointer self_;
  scheduler_for_clients scheduler_;
  std::map<std::uint64_t, monitor> monitors_; ///< by subscription
  std::uint64_t last_subscription_ = 0;
  bool ticking_ = false;
};

progress_actor::behavior_type progress_behavior(progress_state::pointer self, scheduler_for_clients scheduler);

/// Spawns the actor. Defined in the source file, because CAF's templates for it take seconds in each file that spawns
/// it.
progress_actor spawn_progress(caf::actor_system& system, scheduler_for_clients scheduler);

} // namespace daskify::internal
