#pragma once

/// Strong identifiers: a worker's number can't be taken for a run's.
///
/// All are unique within one session and never reused in it. They are independent of CAF's actor and node ids, which
/// repeat across systems.

#include <compare>
#include <cstdint>
#include <string_view> // std::hash

namespace daskify::internal {

template <class Tag>
struct id {
  std::uint64_t value = 0; ///< 0 is "none"

  explicit operator bool() const noexcept { return value != 0; }
  friend auto operator<=>(id, id) = default;
};

using worker_id = id<struct worker_tag>; ///< one enrolled worker process; assigned by the scheduler
using run_id = id<struct run_tag>;       ///< one run, map or submit; assigned by its submitter
using lease_id = id<struct lease_tag>;   ///< one grant of tasks to one worker; assigned by the scheduler
using object_id = id<struct object_tag>; ///< one object in the stores; assigned by the process that puts it
using node_id = id<struct node_tag>;     ///< one node, that is one store; assigned by the object directory
using owner_id = id<struct owner_tag>;   ///< holder of references to objects; assigned when its process is started
using block_id = id<struct block_tag>;   ///< one piece of memory of a store; assigned by the store
using waiter_id = id<struct waiter_tag>; ///< one open request to the scheduler core; assigned by its actor

/// Tasks choose the ids of their runs without a request: the upper bits are the number of their worker, 0 for the local
/// client. The same holds for objects.
inline constexpr int own_id_bits = 40;

inline run_id nth_run_of(worker_id submitter, std::uint64_t n) noexcept {
  return {submitter.value << own_id_bits | n};
}
inline worker_id submitter_of(run_id run) noexcept {
  return {run.value >> own_id_bits};
}

/// References to objects are held by processes, by their runs for their arguments, and by the scheduler for the results
/// of runs.
inline constexpr owner_id scheduler_owner{1};
inline constexpr owner_id client_owner{2};
inline owner_id owner_of(worker_id worker) noexcept {
  return {worker.value + 2};
}
/// Owner of the references held by the runs of a process; separate from the process's own, and released with them.
inline owner_id owner_of_runs(owner_id submitter) noexcept {
  return {submitter.value | std::uint64_t{1} << 63};
}
inline object_id nth_object_of(owner_id putter, std::uint64_t n) noexcept {
  return {putter.value << own_id_bits | n};
}

/// Leases of start calls (see start_calls.hpp) use the upper half of all lease ids.
inline lease_id lease_of_start_call(std::uint64_t n) noexcept {
  return {n | std::uint64_t{1} << 63};
}
inline bool is_of_start_call(lease_id lease) noexcept {
  return lease.value >> 63 != 0;
}
/// Start calls take the run ids of their client from the upper end, so that the numbers of its runs do not depend on
/// them.
inline run_id nth_start_call_of(worker_id client, std::uint64_t n) noexcept {
  return nth_run_of(client, (std::uint64_t{1} << own_id_bits) - n);
}

} // namespace daskify::internal

template <class Tag>
struct std::hash<daskify::internal::id<Tag>> {
  std::size_t operator()(daskify::internal::id<Tag> x) const noexcept { return std::hash<std::uint64_t>{}(x.value); }
};
