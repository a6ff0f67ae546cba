#pragma once

/// What the scheduler core knows of one worker.

#include "daskify/protocol/messages.hpp"
#include "daskify/scheduler/pending_tasks.hpp"
#include "daskify/scheduler/time_left.hpp"

#include <cstdint>
#include <deque>
#include <set>
#include <unordered_map>

namespace daskify::internal {

/// A lease that its worker has not closed.
struct open_lease {
  lease granted;
  std::uint64_t reported = 0;    ///< tasks at the beginning that have been reported
  piece past;                    ///< the tasks as they were pending
  std::uint64_t ns_per_task = 0; ///< as expected when the lease was granted; 0: unknown
  /// Of the worker, at or somewhat before the begin of the next task to be reported.
  std::uint64_t time_left_ns = for_ever_ns;

  /// Whether one of the tasks may kill, so that the lease is alone on its worker.
  bool quarantined() const { return past.quarantined(); }

  std::uint64_t next() const { return granted.first + reported; }
  std::uint64_t left() const { return granted.count - reported; }
  std::uint64_t end() const { return granted.first + granted.count; }
};

struct worker_record {
  // The members that every search for a worker reads come first.
  worker_id id;
  std::uint32_t threads = 1;
  std::uint32_t waiting = 0;     ///< tasks that wait for other tasks, and leave their thread to others
  std::uint64_t open = 0;        ///< number of leases
  std::uint64_t quarantined = 0; ///< of these leases
  std::uint64_t load_ns = 0;     ///< expected time of the leases' remaining tasks, where known
  std::uint64_t time_left_ns = for_ever_ns;
  bool leaving = false;          ///< is being drained
  bool paused = false;           ///< gets nothing new until it is resumed
  std::set<worker_id> refused;   ///< clients whose tasks this worker fails
  bool holding_back = false;     ///< has returned work because of a slow task: gets no more than it can run at once
  std::deque<open_lease> leases; ///< in the order granted; the first `running_slots` of them are being run
  std::unordered_map<run_id, std::uint64_t> leases_of; ///< number of leases by run
  std::uint64_t life_ns = for_ever_ns;                 ///< the most time left that was ever reported

  /// Leases that run at the same time, including those whose tasks wait.
  std::uint64_t running_slots() const { return std::uint64_t{threads} + waiting; }
  bool stays() const { return !leaving && !paused; }
  bool takes_more() const { return stays() && time_left_ns != 0; }
  bool has_free_thread() const { return open < running_slots(); }
  /// Whether every task of the worker waits for other tasks.
  bool only_waits() const { return open <= waiting; }

  void take(open_lease lease) {
    lease.time_left_ns = time_left_ns;
    ++open;
    ++leases_of[lease.granted.run];
    quarantined += lease.quarantined();
    load_ns += lease.left() * lease.ns_per_task;
    leases.push_back(lease);
  }
  /// The next `count` tasks of a lease have been reported.
  void reported(open_lease& lease, std::uint64_t count) {
    lease.reported += count;
    lease.time_left_ns = time_left_ns;
    load_ns -= count * lease.ns_per_task;
  }
  /// The last `count` tasks of a lease have been given back.
  void returned(open_lease& lease, std::uint64_t count) {
    lease.granted.count -= count;
    load_ns -= count * lease.ns_per_task;
  }
  void close(std::deque<open_lease>::iterator lease) {
    if (auto held = leases_of.find(lease->granted.run); --held->second == 0)
      leases_of.erase(held);
    --open;
    quarantined -= lease->quarantined();
    load_ns -= lease->left() * lease->ns_per_task;
    bool was_running = static_cast<std::uint64_t>(lease - leases.begin()) < running_slots();
    leases.erase(lease);
    if (was_running && leases.size() >= running_slots())
      leases[running_slots() - 1].time_left_ns = time_left_ns; // that lease begins
  }
};

} // namespace daskify::internal
