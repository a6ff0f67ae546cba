#pragma once

#include "daskify/protocol/actors.hpp"
#include "daskify/protocol/messages.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace daskify::internal {

/// The processes of a cluster, and which actor belongs to which process. Sends nothing. Not thread-safe.
///
/// A message counts as a worker's, a node's or a client's if its sender is the actor that joined. More actors may ask
/// for runs: each process has further actors (of its tasks, of its threads) with the same identity.
class member_registry {
public:
  using clock = std::chrono::steady_clock;

  struct worker {
    worker_actor actor;
    caf::actor_addr identity; ///< sends on behalf of the worker's tasks
    enrol_request who;
    clock::time_point heard;
    std::uint64_t resident_bytes = 0;
    std::uint64_t log_size = 0; ///< bytes, at the last report
    /// When the connection broke; the exit status of the process, which is more informative, should follow at once.
    std::optional<clock::time_point> hung_up;
    std::optional<std::uint32_t> node; ///< slot of its node, if that has joined
    bool drained = false;
  };

  struct node {
    node_actor actor;
    node_id id; ///< none: the directory has not answered yet
    std::uint32_t slot = 0;
    std::int32_t pid = 0;
    clock::time_point heard;
    enum : std::uint8_t { starting, alive, given_up } state = starting;
  };

  /// A node as the deployment knows it, joined or not.
  struct launched_node {
    std::string name; ///< as its workers know it; empty before the node has joined
    std::optional<clock::time_point> end;
    bool draining = false;
  };

  /// A client in another process.
  struct client {
    std::string name;
    link_actor link;
    std::vector<caf::actor_addr> identities; ///< actors that send on behalf of the client, the link among them
    node_id node;                            ///< its store; none: the directory has not answered yet
    clock::time_point heard;
  };

  // -- joining and leaving ------------------------------------------------------------------------------------

  /// An id for a worker or client. REQUIRES: has_ids().
  worker_id next_id() { return {++last_id_}; }
  bool has_ids() const noexcept;

  worker& add(worker_id id, worker joined);
  client& add(worker_id id, client joined);
  /// Also resets what was known of the slot's previous node.
  node& add(node joined, const std::string& name);

  /// Removes the worker and returns it; nothing for an unknown worker.
  std::optional<worker> take_worker(worker_id id);
  std::optional<client> take_client(worker_id id);
  std::optional<node> take_node(const caf::actor_addr& address);
  /// Forgets what the deployment knows of the slot, unless the slot's node or one of its workers is still there.
  void forget_if_unused(std::uint32_t slot);

  // -- senders ------------------------------------------------------------------------------------------------

  /// The worker that sent a message by its worker actor; null: none.
  worker* worker_of(const caf::strong_actor_ptr& sender, worker_id* id = nullptr);
  client* client_of(const caf::strong_actor_ptr& sender);
  node* node_of(const caf::strong_actor_ptr& sender);
  /// The worker or client that a sender belongs to.
  std::optional<worker_id> identity_of(const caf::strong_actor_ptr& sender) const;

  // -- questions ----------------------------------------------------------------------------------------------

  std::map<worker_id, worker>& workers() noexcept { return workers_; }
  const std::map<worker_id, worker>& workers() const noexcept { return workers_; }
  std::map<worker_id, client>& clients() noexcept { return clients_; }
  const std::map<worker_id, client>& clients() const noexcept { return clients_; }
  std::unordered_map<caf::actor_addr, node>& nodes() noexcept { return nodes_; }
  const std::unordered_map<caf::actor_addr, node>& nodes() const noexcept { return nodes_; }

  /// What the deployment knows of a slot; null: nothing.
  launched_node* launched(std::uint32_t slot);
  /// The same for the node of a worker.
  const launched_node* launched_node_of(const worker& of) const;
  /// The slot of the node with this name.
  std::optional<std::uint32_t> slot_of(const std::string& node_name) const;
  /// The node in this slot that has joined; null: none.
  const node* joined(std::uint32_t slot) const;
  std::vector<worker_id> workers_on(std::uint32_t slot) const;
  /// Whether the slot has no node that is starting or was heard within `timeout`.
  bool is_silent(std::uint32_t slot, clock::time_point now, std::chrono::milliseconds timeout) const;

  /// Restarts all heartbeat timeouts after this process was suspended (stopped, swapped out, in a debugger), because
  /// messages sent meanwhile have not been read yet.
  void all_heard(clock::time_point now);

private:
  std::map<worker_id, worker> workers_;
  std::map<worker_id, client> clients_;
  std::unordered_map<caf::actor_addr, node> nodes_;           ///< that have joined
  std::map<std::uint32_t, launched_node> launched_;           ///< by slot
  std::unordered_map<caf::actor_addr, worker_id> identities_; ///< two actors per worker, three per client
  std::uint64_t last_id_ = 0;
};

} // namespace daskify::internal
