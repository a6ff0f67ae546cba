#pragma once

/// Strong identifiers: a worker's number can't be taken for a run's.
///
/// All are unique within one session and never reused in it. They are daskify's own: CAF's actor and node
/// ids repeat across systems.

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

using worker_id = id<struct worker_tag>; ///< one enrolled worker process; given by the scheduler
using run_id = id<struct run_tag>;       ///< one run, map or submit; given by whoever submits it
using lease_id = id<struct lease_tag>;   ///< one grant of tasks to one worker; given by the scheduler
using object_id = id<struct object_tag>; ///< one object in the stores; given by whoever puts it
using node_id = id<struct node_tag>;     ///< one node, that is one store; given by the object directory
using owner_id = id<struct owner_tag>;   ///< whoever holds references to objects; given by whoever starts the process
using block_id = id<struct block_tag>;   ///< one piece of memory of a store; given by the store
using waiter_id = id<struct waiter_tag>; ///< one open question to the scheduler core; given by its shell

/// Tasks submit runs without asking anybody for an id: the upper bits are their worker's number, 0 for the client.
/// The same holds for objects.
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
/// What the runs hold that a process has submitted: apart from what it holds itself, and gone with it, too.
inline owner_id owner_of_runs(owner_id submitter) noexcept {
  return {submitter.value | std::uint64_t{1} << 63};
}
inline object_id nth_object_of(owner_id putter, std::uint64_t n) noexcept {
  return {putter.value << own_id_bits | n};
}

/// Leases of start calls (see start_calls.hpp) have the upper half of all lease ids for themselves.
inline lease_id lease_of_start_call(std::uint64_t n) noexcept {
  return {n | std::uint64_t{1} << 63};
}
inline bool is_of_start_call(lease_id lease) noexcept {
  return lease.value >> 63 != 0;
}
/// Start calls have run ids of their client's from the other end, so that the numbers of its runs do not depend on
/// them.
inline run_id nth_start_call_of(worker_id client, std::uint64_t n) noexcept {
  return nth_run_of(client, (std::uint64_t{1} << own_id_bits) - n);
}

} // namespace daskify::internal

template <class Tag>
struct std::hash<daskify::internal::id<Tag>> {
  std::size_t operator()(daskify::internal::id<Tag> x) const noexcept { return std::hash<std::uint64_t>{}(x.value); }
};
