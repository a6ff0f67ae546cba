#pragma once

#include "daskify/defaults.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/os/serial_executor.hpp"
#include "daskify/protocol/actors.hpp"
#include "daskify/protocol/endpoint.hpp"
#include "daskify/protocol/object_facts.hpp"
#include "daskify/store/object_table.hpp"
#include "daskify/store/store_core.hpp"
#include "daskify/store/transfer.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace daskify::internal {

/// A result of a thread of the store, for the store actor.
struct store_event {
  enum class kind : std::uint8_t { pull_ended, sources_wanted, sources_may_answer, room_is_there, spilled, loaded };
  kind what{};
  object_id object{};
  block_id block{};
  store_problem problem{}; ///< none: success
  lost_sources lost{};
  std::optional<segment> memory{};               ///< the block that was loaded
  std::shared_ptr<const file_descriptor> file{}; ///< the file of the spilled block
  std::uint64_t missing = 0;                     ///< bytes of the disk reserve that are not free after the spill
};

struct store_setup {
  std::string secret; ///< required from users and other nodes
  std::uint64_t limit = 0;
  std::optional<std::string> spill_directory;
  std::string host = "127.0.0.1";                    ///< address at which transfers listen; empty: all addresses
  std::string scheduler_process;                     ///< host at which this node has found the scheduler's node
  std::function<void(std::uint32_t slot)> on_joined; ///< a worker has joined; on the actor's thread, must not block
  std::chrono::milliseconds room_patience = tuning::room_timeout; ///< timeout of requests for room
  /// For this long, a node that is alive but sends nothing of an object it has is asked for it repeatedly.
  std::chrono::milliseconds source_patience = defaults::heartbeat_timeout + tuning::source_grace;
};

/// The part of a node's store that is not an actor: its memory and disk, and the threads that move bytes.
class node_store {
public:
  explicit node_store(store_setup setup);

  /// After this returns, no thread sends events to the actor, and new work for the threads fails. Thread-safe.
  void stop();

  const store_setup& setup() const noexcept { return setup_; }
  object_table& table() noexcept { return table_; }
  endpoint transfers_at() const { return transfers_at_; }

  /// Null after `stop`.
  std::shared_ptr<transfer> transfers() const;
  std::shared_ptr<serial_executor> disk() const;

private:
  store_setup setup_;
  object_table table_;
  endpoint transfers_at_;
  mutable std::mutex mutex_;
  std::shared_ptr<transfer> transfers_;
  std::shared_ptr<serial_executor> disk_;
};

/// The store core as an actor: messages become events, effects become messages and work for the store's threads. Does
/// not touch the bytes of objects, except of small ones that were pulled. Contains no decisions; they are in
/// store_core.
class store_state : public store_effects {
public:
  using pointer = store_actor::stateful_pointer<store_state>;

  explicit store_state(pointer self) : self_{self} {}

  store_actor::behavior_type make_behavior(std::shared_ptr<node_store> node);

  void granted(request_id request, block_id block) override;
  void ready(request_id request, object_id object) override;
  void failed(request_id request, const store_problem& why) override;
  void find(object_id object) override;
  void pull(object_id object, block_id block) override;
  void spill(block_id block, std::uint64_t reserve, bool may_use_it) override;
  void load(block_id block) override;
  void cancel_pull(object_id object) override;
  void leave_memory(block_id block) override;
  void forget(block_id block) override;
  void dropped(object_id object) override;

private:
  using clock = std::chrono::steady_clock;
  template <class T>
  using promise = caf::typed_response_promise<T>;

  struct user_record {
    owner_id owner;
    object_listener listener;
  };
  struct question {
    std::variant<promise<room_granted>, promise<object_location>, promise<object_held>> answer;
    object_id object;
    std::uint64_t bytes = 0;             ///< for requests without an object: bytes to write
    owner_id asker;                      ///< none: the directory
    std::function<void(request_id)> ask; ///< sends the request to the core
    clock::time_point until;
    bool asked_again = false;
    std::optional<clock::time_point> users_have_until; ///< deadline for users to unpin objects in the way
  };
  /// A pull that is queued or in progress.
  struct open_pull {
    object_facts facts;
    std::vector<pull_source> sources;
    std::shared_ptr<chunked_object> into;
    std::shared_ptr<const file_descriptor> file; ///< none: the object is small
    block_id block;
    std::vector<node_id> wrong;  ///< sources that are not used again
    std::vector<node_id> silent; ///< sources that are retried after a pause
    std::string last_failure;
    std::optional<clock::time_point> stuck_since; ///< time of the last progress
    store_problem problem;                        ///< why the directory returned no more sources
  };

  template <class Reply, class Message>
  promise<Reply> pass_on(Message message);
  const user_record* sending_user() const;
  void use_directory(directory_for_stores& directory);
  caf::result<room_granted> reserve(reserve_room msg);
  void put_without_answer(put_unkeyed& msg);
  void close(close_block msg);
  caf::result<object_location> locate(locate_object msg);
  void unpin(unpin_objects& msg);
  void release(release_object msg);
  void retain(retain_objects& msg);
  promise<object_found> find_for_sender(find_object& msg);
  promise<acknowledged> remove_key(drop_key& msg);
  void free_all(free_objects& msg);
  caf::result<store_figures> count() const;
  caf::result<object_held> hold(hold_object msg);
  promise<acknowledged> join(const join_store& who, object_listener& listener);
  promise<acknowledged> put(put_object& msg);
  add_object take_over(const user_record& from, put_object& msg);
  template <class Reply>
  promise<Reply> ask_core(question what);
  template <class Reply>
  promise<Reply> want_of_core(object_id object, std::optional<owner_id> user);
  void ask_again(request_id request, const store_problem& refused);
  bool park(request_id request, const store_problem& refused);
  void ask_parked();
  void begin_pull(object_id object, open_pull& wanted);
  void sources_lost(object_id object, const lost_sources& lost);
  void find_more_sources(object_id object);
  void add_or_pause(object_id object, std::vector<pull_source> sources);
  void pull_ended(object_id object, const store_problem& problem);
  void place_small_objects();
  void handle(store_event& event);
  void tell_later(store_event event);
  std::function<void(store_event)> teller() const;
  void on_disk(store_event event, std::function<void(store_event&)> work);
  bool from_this_process() const;
  bool from_directory() const;
  void user_left(const caf::actor_addr& speaker);
  void tell_users(std::vector<object_id> freed);
  void tick();

  pointer self_;
  std::shared_ptr<node_store> node_;
  directory_for_stores directory_;
  caf::duration directory_timeout_; ///< infinite for a directory in this process, which has the same lifetime
  std::unique_ptr<store_core> core_;
  std::unordered_map<caf::actor_addr, user_record> users_;
  std::map<request_id, question> questions_;
  std::vector<request_id> parked_; ///< refused requests, which are retried when objects are unpinned
  std::uint64_t last_request_ = 0;
  std::unordered_map<object_id, open_pull> pulls_;
  std::string drop_reason_; ///< reason for objects dropped in this event, if it is not a decision of the core

  // Small objects that were pulled share blocks that the store writes itself.
  std::vector<object_id> arrived_small_; ///< not placed in a block yet
  std::unique_ptr<block_writer> small_block_;
  block_id small_block_id_;
  request_id small_block_wanted_; ///< the open request for another block
};

store_actor::behavior_type store_behavior(store_state::pointer self, std::shared_ptr<node_store> node);

/// Spawns the actor. Compiled in one file: CAF's templates for this class take seconds in each file that spawns it.
store_actor spawn_store(caf::actor_system& system, std::shared_ptr<node_store> node);

} // namespace daskify::internal
