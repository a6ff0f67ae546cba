#pragma once

/// What one node's store has in memory and on disk, and what goes when room is needed. The decisions of the store
/// actor, without the actor.
///
/// Objects lie in blocks: a large one in a block of its own, many small ones in a common one. A block is the unit of
/// everything that costs memory:
///
///             reserve            close                  spill
///   (nothing) -------> writing ---------> in memory <----------> on disk
///        |                                    ^           load
///        '------- pull ------> arriving ------'
///
/// Memory is limited. What needs room waits in a queue; for the first of it, blocks that nobody uses go, the one unused
/// for longest first: copies that another node keeps as well are dropped, then those that this node keeps are written
/// to disk. What is in use (pinned) stays. When too little can go, nothing goes and the request is refused with the
/// figures; but not before what is being read from disk is there, as it may turn out to be unused. Nothing waits for
/// what is being received: two nodes could wait for each other.
///
/// The way back must stay open. To read a block from disk into memory that is full, another one has to be written to
/// disk first: so what makes room for new data leaves a reserve on the disk that only reading may use. When it was
/// used, new data get as much less of the memory, until the disk has room again.
///
/// Not thread-safe: it belongs to the store actor. What follows from an event is told to `store_effects` before the
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

/// One open question to the store; named by whoever asks, used once.
using request_id = id<struct request_tag>;

/// Why something is not possible, as a data_error would say it.
struct store_problem {
  error_code code = error_code::none;
  std::string text;
  bool may_pass = false; ///< others have pinned what is in the way, and may have let go of it in a moment
};

/// The store core's only exit.
class store_effects {
public:
  virtual ~store_effects() = default;

  // Answers.
  virtual void granted(request_id request, block_id block) = 0; ///< memory for a block may be made
  virtual void ready(request_id request, object_id object) = 0; ///< it is in memory, and pinned for who asked
  virtual void failed(request_id request, const store_problem& why) = 0;

  // Work that takes time; each is answered by an event.
  virtual void find(object_id object) = 0;                 ///< `found` or `not_found`
  virtual void pull(object_id object, block_id block) = 0; ///< no block: it is small; `arrived` or `pull_failed`
  /// `spilled` or `spill_failed`: unless it may use the reserve, so many bytes have to be free on the disk after it.
  virtual void spill(block_id block, std::uint64_t reserve, bool may_use_it) = 0;
  virtual void load(block_id block) = 0; ///< `loaded` or `load_failed`

  // Done at once.
  virtual void cancel_pull(object_id object) = 0; ///< it is not needed any more; the pull's end is still told
  virtual void leave_memory(block_id block) = 0;  ///< its memory, but not its file
  virtual void forget(block_id block) = 0;        ///< all of it
  virtual void dropped(object_id object) = 0;     ///< the node has it no more: the directory has to know
};

class store_core {
public:
  /// `limit`: bytes of memory. `can_spill`: there is a folder to spill to.
  store_core(store_effects& effects, std::uint64_t limit, bool can_spill)
      : effects_{effects},
        limit_{limit},
        can_spill_{can_spill} {}

  // -- writing ----------------------------------------------------------------------------------------------

  /// Somebody wants to write `bytes`: answered by `granted` or `failed`.
  void reserve(request_id request, std::uint64_t bytes, owner_id writer);
  /// Whoever wants to write has waited long enough, and is not answered any more.
  void stop_reserving(request_id request);
  /// An object has been written into a block of the writer's, and is kept here. False when the block is not open (any
  /// more), or the object is here or on its way from elsewhere. Tells nobody: who has asked for the object before is
  /// answered when the directory, which was asked then, answers.
  bool put(block_id block, object_id object);
  /// The block was granted to this writer, who has not closed it.
  bool is_writing(block_id block, owner_id writer) const;
  /// Of a block that is there.
  std::uint64_t bytes_of(block_id block) const { return blocks_.at(block).bytes; }
  /// Nothing more comes into the block; without an object it is forgotten.
  void close(block_id block);

  // -- reading ----------------------------------------------------------------------------------------------

  /// Somebody needs the object in memory: answered by `ready` or `failed`. A `user` keeps it there until it has
  /// unpinned it as often.
  void want(request_id request, object_id object, std::optional<owner_id> user);
  void unpin(object_id object, owner_id user);
  /// What it has pinned and is writing goes.
  void user_left(owner_id user);
  /// Whoever asked for the object does not wait any more.
  void stop_waiting(request_id request, object_id object);

  // -- from the directory -----------------------------------------------------------------------------------

  void found(object_id object, std::uint64_t size);
  void not_found(object_id object, const store_problem& why);
  void free(object_id object);
  /// This node keeps it from now on.
  void keep(object_id object);

  // -- work that has ended ----------------------------------------------------------------------------------

  /// The block is where it lies now: the one that it was pulled to, or an open one.
  void arrived(object_id object, block_id block);
  void pull_failed(object_id object, const store_problem& why);
  /// `missing`: so many bytes of the reserve are not free any more.
  void spilled(block_id block, std::uint64_t missing = 0);
  void spill_failed(block_id block, const std::string& why);
  void loaded(block_id block);
  /// With `object_lost` the file is of no use any more; otherwise it may be read at another time.
  void load_failed(block_id block, const store_problem& why);

  // -- questions ----------------------------------------------------------------------------------------------

  /// What the node has, in bytes.
  struct figures {
    std::uint64_t limit = 0;
    std::uint64_t memory = 0; ///< taken, of `limit`
    std::uint64_t in_use = 0; ///< of that: pinned, or being written or received
    std::uint64_t disk = 0;   ///< on disk and not in memory
  };
  figures count() const;
  /// The object is here, in memory or on disk.
  bool has(object_id object) const;
  bool is_in_memory(object_id object) const;
  /// The sentence for those who want so much and get nothing, with the figures.
  std::string no_room_for(std::uint64_t bytes) const;

  /// Throws std::logic_error when the books contradict each other. Slow: for tests.
  void check_invariants() const;

private:
  enum class transit : std::uint8_t { none, writing, arriving, spilling, loading };

  struct block_record {
    std::uint64_t bytes = 0;
    bool in_memory = true;
    bool on_disk = false;
    transit in = transit::none;
    bool forgotten = false;   ///< only pins, or work under way, hold the memory
    bool for_reading = false; ///< it is spilled so that another one can be read
    owner_id writer;
    std::set<object_id> objects;
    std::uint64_t kept = 0; ///< objects that this node keeps
    std::uint64_t pins = 0;
    std::uint64_t used = 0;  ///< when it was last used, by the clock of the core
    std::uint64_t filed = 0; ///< `used` as it was when it was filed among those that could leave memory
  };
  struct waiter {
    request_id request;
    std::optional<owner_id> user;
  };
  /// Asked for, then claiming room unless it is small, then pulled, then in a block.
  struct object_record {
    block_id in;         ///< none: it is on its way
    block_id arriving;   ///< where it is being pulled to, unless it is small
    bool asked = false;  ///< the directory has been, and has not answered; it may have been put here meanwhile
    bool keep = false;   ///< else another node does
    bool pulled = false; ///< a pull has begun, and will be told to have ended
    bool freed = false;  ///< meanwhile nobody may have it any more
    std::vector<waiter> waiters;
  };
  struct pin {
    block_id in;
    std::uint64_t count = 0;
  };
  /// Something that waits for room.
  struct claim {
    std::uint64_t bytes = 0;
    request_id reserve; ///< a block to be written
    owner_id writer;
    object_id pull; ///< or one to be received
    block_id load;  ///< or one to be read from disk
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
  /// Blocks in memory that could leave it, by last use: at once, or by way of the disk.
  std::set<std::pair<std::uint64_t, block_id>> droppable_;
  std::set<std::pair<std::uint64_t, block_id>> spillable_;
  std::uint64_t memory_ = 0;             ///< bytes of blocks in memory
  std::uint64_t leaving_ = 0;            ///< of that: being spilled
  std::uint64_t loading_ = 0;            ///< of that: being loaded
  std::uint64_t droppable_bytes_ = 0;    ///< of that: filed in `droppable_`
  std::uint64_t spillable_bytes_ = 0;    ///< of that: filed in `spillable_`
  std::uint64_t missing_ = 0;            ///< of the reserve on the disk
  std::uint64_t too_large_ = UINT64_MAX; ///< blocks of this size were not even taken by the reserve
  std::uint64_t clock_ = 0;
  std::uint64_t last_block_ = 0;
};

} // namespace daskify::internal
