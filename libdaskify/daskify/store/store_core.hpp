#pragma once

/// Keeps track of one node's memory and disk, and decides which blocks leave memory when room is needed. Makes the
/// decisions of the store actor, without the actor.
///
/// Objects lie in blocks: a large one in a block of its own, many small ones in a common one. A block is the unit of
/// memory management:
///
///             reserve            close                  spill
///   (nothing) -------> writing ---------> in memory <----------> on disk
///        |                                    ^           load
///        '------- pull ------> arriving ------'
///
/// Memory is limited. Requests that need room wait in a queue; for the first one, unused blocks leave memory, the least
/// recently used first: copies that another node keeps as well are dropped, then those that this node keeps are written
/// to disk. Blocks in use (pinned) stay. If too little can leave, nothing leaves and the request is refused with the
/// figures; but not before current loads from disk have ended, because the loaded blocks may turn out to be unused. No
/// request waits for objects that are being received, because two nodes could wait for each other.
///
/// Reading back must stay possible. To load a block from disk into full memory, another block has to be written to disk
/// first: therefore spilling for new data leaves a reserve on the disk that only loads may use. After the reserve was
/// used, new data get that much less memory, until the disk has room again.
///
/// Not thread-safe: used by the store actor only. The effects of an event are passed to `store_effects` before the
/// event returns; an effect must not call back.

#include "daskify/error.hpp"
#include "daskify/protocol/ids.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace daskify::internal {

/// One open request to the store; chosen by the caller, used once.
using request_id = id<struct request_tag>;

/// The reason why something is not possible, as in a data_error.
struct store_problem {
  error_code code = error_code::none;
  std::string text;
  bool may_pass = false; ///< pins of other users are in the way, and may be removed soon
};

/// The effects of the store core.
class store_effects {
public:
  virtual ~store_effects() = default;

  // Answers.
  virtual void granted(request_id request, block_id block) = 0; ///< the writer may create the block's memory
  virtual void ready(request_id request, object_id object) = 0; ///< it is in memory, and pinned for the user
  virtual void failed(request_id request, const store_problem& why) = 0;

  // Work that takes time; each is answered by an event.
  virtual void find(object_id object) = 0;                 ///< `found` or `not_found`
  virtual void pull(object_id object, block_id block) = 0; ///< no block: it is small; `arrived` or `pull_failed`
  /// `spilled` or `spill_failed`: unless `may_use_it`, at least `reserve` bytes must be free on the disk afterwards.
  virtual void spill(block_id block, std::uint64_t reserve, bool may_use_it) = 0;
  virtual void load(block_id block) = 0; ///< `loaded` or `load_failed`

  // Done at once.
  virtual void cancel_pull(object_id object) = 0; ///< no longer needed; the end of the pull is still reported
  virtual void leave_memory(block_id block) = 0;  ///< frees its memory, but not its file
  virtual void forget(block_id block) = 0;        ///< frees its memory and its file
  virtual void dropped(object_id object) = 0;     ///< the node no longer has it: the directory has to be notified
};

class store_core {
public:
  /// `limit`: bytes of memory. `can_spill`: there is a folder to spill to.
  store_core(store_effects& effects, std::uint64_t limit, bool can_spill)
      : effects_{effects},
        limit_{limit},
        can_spill_{can_spill} {}

  // -- writing ----------------------------------------------------------------------------------------------

  /// Requests a block of `bytes` to write to: answered by `granted` or `failed`.
  void reserve(request_id request, std::uint64_t bytes, owner_id writer);
  /// Withdraws a request for a block; it is not answered any more.
  void stop_reserving(request_id request);
  /// An object has been written into a block of the writer, and this node is its keeper. False if the block is not open
  /// (any more), or if the object is here or being pulled. Answers no requests: earlier requests for the object are
  /// answered when the directory answers `find`.
  bool put(block_id block, object_id object);
  /// True if the block was granted to this writer, and is not closed.
  bool is_writing(block_id block, owner_id writer) const;
  /// REQUIRES: the block exists.
  std::uint64_t bytes_of(block_id block) const { return blocks_.at(block).bytes; }
  /// Nothing more is written to the block; a block without objects is freed.
  void close(block_id block);

  // -- reading ----------------------------------------------------------------------------------------------

  /// Requests an object in memory: answered by `ready` or `failed`. With a `user` it stays there until the user has
  /// unpinned it as often.
  void want(request_id request, object_id object, std::optional<owner_id> user);
  void unpin(object_id object, owner_id user);
  /// Removes the pins, requests and open blocks of a user.
  void user_left(owner_id user);
  /// Withdraws a request for an object.
  void stop_waiting(request_id request, object_id object);

  // -- from the directory -----------------------------------------------------------------------------------

  void found(object_id object, std::uint64_t size);
  void not_found(object_id object, const store_problem& why);
  void free(object_id object);
  /// This node is the keeper from now on.
  void keep(object_id object);

  // -- work that has ended ----------------------------------------------------------------------------------

  /// `block` contains the object now: the block that it was pulled to, or an open one.
  void arrived(object_id object, block_id block);
  void pull_failed(object_id object, const store_problem& why);
  /// `missing`: bytes of the reserve that are not free any more.
  void spilled(block_id block, std::uint64_t missing = 0);
  void spill_failed(block_id block, const std::string& why);
  void loaded(block_id block);
  /// With `object_lost` the file is unusable; otherwise reading it may succeed later.
  void load_failed(block_id block, const store_problem& why);

  // -- questions ----------------------------------------------------------------------------------------------

  /// Usage of the node, in bytes.
  struct figures {
    std::uint64_t limit = 0;
    std::uint64_t memory = 0; ///< used, out of `limit`
    std::uint64_t in_use = 0; ///< part of `memory` that is pinned, or being written or received
    std::uint64_t disk = 0;   ///< on disk and not in memory
  };
  figures count() const;
  /// The object is here, in memory or on disk.
  bool has(object_id object) const;
  bool is_in_memory(object_id object) const;
  /// The error text for a request of `bytes` that is refused, with the figures.
  std::string no_room_for(std::uint64_t bytes) const;

  /// Throws std::logic_error if the data structures are inconsistent. Slow: for tests.
  void check_invariants() const;

private:
  enum class transit : std::uint8_t { none, writing, arriving, spilling, loading };

  struct block_record {
    std::uint64_t bytes = 0;
    bool in_memory = true;
    bool on_disk = false;
    transit in = transit::none;
    bool forgotten = false;   ///< freed, except for memory still held by pins or work in progress
    bool for_reading = false; ///< it is spilled so that another block can be loaded
    owner_id writer;
    std::set<object_id> objects;
    std::uint64_t kept = 0; ///< number of objects that this node keeps
    std::uint64_t pins = 0;
    std::uint64_t used = 0;  ///< time of the last use, by the clock of the core
    std::uint64_t filed = 0; ///< value of `used` when it was inserted into droppable_ or spillable_
  };
  struct waiter {
    request_id request;
    std::optional<owner_id> user;
  };
  /// States: requested from the directory, then claiming room unless it is small, then being pulled, then in a block.
  struct object_record {
    block_id in;         ///< none: not on this node yet
    block_id arriving;   ///< block that it is being pulled to, unless it is small
    bool asked = false;  ///< the directory has not answered yet; the object may have been put here meanwhile
    bool keep = false;   ///< this node is the keeper; false: another node
    bool pulled = false; ///< a pull has begun; its end will be reported
    bool freed = false;  ///< freed during the pull
    std::vector<waiter> waiters;
  };
  struct pin {
    block_id in;
    std::uint64_t count = 0;
  };
  /// A request that waits for room.
  struct claim {
    std::uint64_t bytes = 0;
    request_id reserve; ///< a block to be written
    owner_id writer;
    object_id pull; ///< or an object to be received
    block_id load;  ///< or a block to be read from disk
  };

  block_id new_block(std::uint64_t bytes, transit in);
  void end_writing(block_id id, block_record& of);
  void answer_ready(object_id id, object_record& of);
  void fail_waiters(object_record& of, const store_problem& why);
  void refuse_waiters(object_record& of, std::uint64_t bytes, const store_problem& why);
  void answer_when_in_memory(object_id id, object_record& of);
  void need_in_memory(block_id id, const block_record& of);
  void answer_all(const block_record& of);
  block_record* end_work(block_id id, transit work, std::uint64_t& bytes);
  void touch(block_id id, block_record& of);
  bool droppable(const block_record& of) const { return of.on_disk || of.kept == 0; }
  void leave_memory(block_id id, block_record& of);
  void drop_objects(block_id id, block_record& of);
  void release_if_unused(block_id id);
  void settle();
  bool fits(const claim& wanted, std::uint64_t taken) const;
  std::uint64_t needed_by(const claim& wanted) const;
  std::uint64_t largest_on_disk() const;
  bool nobody_waits_for(const claim& wanted) const;
  bool would_fit_without_pins(std::uint64_t bytes, owner_id asker) const;
  bool make_room(const claim& wanted);
  std::set<std::pair<std::uint64_t, block_id>>::iterator next_to_spill(const claim& wanted);
  void grant(const claim& to);
  void refuse(const claim& to, const std::string& why);

  store_effects& effects_;
  std::uint64_t limit_;
  bool can_spill_;
  std::unordered_map<object_id, object_record> objects_;
  std::unordered_map<block_id, block_record> blocks_;
  std::map<owner_id, std::unordered_map<object_id, pin>> pins_;
  std::deque<claim> claims_;
  /// Blocks that could leave memory, by last use: immediately, or after being written to disk.
  std::set<std::pair<std::uint64_t, block_id>> droppable_;
  std::set<std::pair<std::uint64_t, block_id>> spillable_;
  std::uint64_t memory_ = 0;             ///< bytes of blocks in memory
  std::uint64_t leaving_ = 0;            ///< part of memory_ that is being spilled
  std::uint64_t loading_ = 0;            ///< part of memory_ that is being loaded
  std::uint64_t droppable_bytes_ = 0;    ///< part of memory_ that is in `droppable_`
  std::uint64_t spillable_bytes_ = 0;    ///< part of memory_ that is in `spillable_`
  std::uint64_t missing_ = 0;            ///< bytes of the disk reserve that are not free
  std::uint64_t too_large_ = UINT64_MAX; ///< blocks of at least this size did not even fit into the reserve
  std::uint64_t clock_ = 0;
  std::uint64_t last_block_ = 0;
};

} // namespace daskify::internal
