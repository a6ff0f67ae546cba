#pragma once

/// The events of the scheduler core, as data: to be applied, recorded and replayed.

#include "daskify/protocol/messages.hpp"
#include "daskify/scheduler/time_left.hpp"

#include <chrono>
#include <cstdint>
#include <variant>
#include <vector>

namespace daskify::internal {

namespace scheduler_events {

// -- workers ------------------------------------------------------------------------------------------------
// Events of an unknown worker are ignored.

/// The worker runs `threads` tasks at a time, and ends after `time_left`. Ignored for a known worker.
struct worker_joined {
  worker_id worker;
  std::uint32_t threads = 1;
  std::chrono::nanoseconds time_left = for_ever;
  bool paused = false;
};
/// The worker gets nothing new until `worker_resumed`, and returns what it has not begun.
struct worker_paused {
  worker_id worker;
};
struct worker_resumed {
  worker_id worker;
};
/// The worker fails all tasks of this client from now on: it gets them only if every worker would fail them.
struct worker_refuses {
  worker_id worker;
  worker_id client;
};
/// The worker ends after `left`. To be repeated as time goes by, because the core has no clock.
struct worker_time_left {
  worker_id worker;
  std::chrono::nanoseconds left{};
};
/// The worker gets nothing new from now on, returns what it has not begun, and finishes the rest; `drained` follows.
struct worker_drains {
  worker_id worker;
};
/// `tasks` of the worker's tasks wait for other tasks, so that it can run as many more.
struct worker_has_waiting {
  worker_id worker;
  std::uint32_t tasks = 0;
};
/// The worker has left; `cause` describes how it ended, and the range of the cause is ignored. The tasks are not to
/// blame when the cause is worker_walltime or worker_node_lost, or when the worker was drained: they go on elsewhere,
/// and no retry is used up.
struct worker_left {
  worker_id worker;
  failure cause;
};
/// No worker will join any more: all pending tasks end as lost with `cause`, and those of later runs, too, until a
/// worker joins after all.
struct workers_exhausted {
  failure cause;
};

// -- clients in other processes -------------------------------------------------------------------------------

/// The client's runs take turns with all others; the runs of tasks go before them.
struct client_joined {
  worker_id client;
};
/// The client's runs are forgotten, with all that their tasks have submitted. Ignored for an unknown client.
struct client_left {
  worker_id client;
};

// -- runs -----------------------------------------------------------------------------------------------------

/// Ignored for a known run id, which encodes the submitter (submitter_of). An unattended run stays until it is over,
/// although it is released; `unattended_ended` follows, and the run is forgotten.
struct run_submitted {
  run_spec spec;
};
/// Ignored where it fits no open lease of this worker: the tasks were given to another worker.
struct lease_reported {
  worker_id worker;
  lease_report report;
};
/// Tasks that have ended keep their state.
struct tasks_cancelled {
  run_range tasks;
};
/// The run and its results are forgotten, and tasks that have not ended are cancelled; later, if the tasks of another
/// run need them.
struct run_released {
  run_id run;
};

// -- waits ----------------------------------------------------------------------------------------------------

/// `satisfied(waiter)` follows as soon as `how_many` of `tasks` have ended, at once if they have. Tasks of unknown
/// runs count as ended.
struct wait_begun {
  waiter_id waiter;
  std::vector<run_range> tasks;
  std::uint64_t how_many = 0;
};
/// The waiter no longer wants an answer.
struct wait_stopped {
  waiter_id waiter;
};

} // namespace scheduler_events

using scheduler_event =
    std::variant<scheduler_events::worker_joined, scheduler_events::worker_paused, scheduler_events::worker_resumed,
                 scheduler_events::worker_refuses, scheduler_events::worker_time_left, scheduler_events::worker_drains,
                 scheduler_events::worker_has_waiting, scheduler_events::worker_left,
                 scheduler_events::workers_exhausted, scheduler_events::client_joined, scheduler_events::client_left,
                 scheduler_events::run_submitted, scheduler_events::lease_reported, scheduler_events::tasks_cancelled,
                 scheduler_events::run_released, scheduler_events::wait_begun, scheduler_events::wait_stopped>;

} // namespace daskify::internal
