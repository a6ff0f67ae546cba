#pragma once

#include "daskify/protocol/actors.hpp"
#include "daskify/store/object_directory.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

namespace daskify::internal {

/// The object directory as an actor, beside the scheduler. Contains no decisions; they are in object_directory.
class directory_state : public directory_effects {
public:
  using pointer = directory_actor::stateful_pointer<directory_state>;

  explicit directory_state(pointer self) : self_{self} {}

  directory_actor::behavior_type make_behavior();

  void free_on(node_id node, object_id object) override;
  void keep_on(node_id node, object_id object) override;
  void offer_sources(node_id node, object_id object, const std::vector<node_id>& sources) override;

private:
  struct node_record {
    store_for_directory store;
    object_source_entry transfers;
  };
  /// A request to a store whose node may leave before it answers.
  struct open_question {
    node_id node;
    std::function<void()> on_lost;
  };
  /// Objects that are being copied to other nodes; answered when all copies have arrived.
  struct spreading {
    caf::typed_response_promise<acknowledged> promise;
    std::size_t missing = 0;
    caf::error problem;
  };

  /// Calls `f`, which decides, and then sends the effects. An exception of `f` becomes the answer.
  template <class Reply, class F>
  caf::result<Reply> decide(F&& f);
  /// The node whose store has sent the current message; none: another sender.
  node_id sending_node() const;
  bool from_this_process() const;
  void add_without_answer(add_unkeyed& msg);
  void release(release_object msg);
  void retain(retain_objects& msg);
  caf::result<object_found> find(find_object& question);
  caf::result<acknowledged> remove_key(drop_key& msg);
  caf::result<object_list> list();
  void note_arrival(object_arrived msg);
  void note_drop(object_dropped& msg);
  caf::result<node_admitted> admit(admit_node& msg, store_for_directory& store);
  void hand_over(claim_objects& msg);
  void release_results(release_objects& msg);
  void release_run_arguments(release_arguments& msg);
  void remove_owner(owner_gone msg);
  void remove_node(node_gone msg);
  acknowledged add(node_id node, add_object& added);
  object_sources sources_for(node_id node, const find_sources& question);
  /// Sends a request to a node's store; calls `on_lost` if there is no answer.
  template <class Reply, class Message>
  void ask(node_id node, Message message, std::chrono::milliseconds timeout, std::function<void(Reply&)> on_reply,
           std::function<void(caf::error)> on_lost);
  void node_left(node_id node);
  caf::typed_response_promise<node_list> count_nodes();
  caf::typed_response_promise<acknowledged> spread(object_id object);
  caf::typed_response_promise<acknowledged> evacuate(node_id node);
  void hold_on(node_id node, object_id object, std::shared_ptr<spreading> all);
  void flush();

  pointer self_;
  object_directory core_{*this};
  std::map<node_id, node_record> nodes_;
  std::unordered_map<caf::actor_addr, node_id> speakers_;
  std::map<node_id, free_objects> freed_; ///< collected during this event
  std::vector<node_id> offered_;          ///< collected during this event
  std::uint64_t last_node_ = 0;
  std::map<std::uint64_t, open_question> questions_; ///< requests without an answer yet
  std::uint64_t last_question_ = 0;
};

directory_actor::behavior_type directory_behavior(directory_state::pointer self);

/// Spawns the actor. Compiled in one file: CAF's templates for this class take seconds in each file that spawns it.
directory_actor spawn_directory(caf::actor_system& system);

} // namespace daskify::internal
