#include "daskify/store/store_core.hpp"

#include "daskify/defaults.hpp"
#include "daskify/text/byte_count.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace daskify::internal {

namespace {

const store_problem released_meanwhile{error_code::unknown_object, "the data were released while they were waited for"};

} // namespace

// -- writing ----------------------------------------------------------------------------------------------

void store_core::reserve(request_id request, std::uint64_t bytes, owner_id writer) {
  claim wanted;
  wanted.bytes = bytes;
  wanted.reserve = request;
  wanted.writer = writer;
  claims_.push_back(wanted);
  settle();
}

void store_core::stop_reserving(request_id request) {
  std::erase_if(claims_, [&](const claim& c) { return c.reserve == request; });
  settle();
}

block_id store_core::new_block(std::uint64_t bytes, transit in) {
  block_id id{++last_block_};
  auto& made = blocks_[id];
  made.bytes = bytes;
  made.in = in;
  memory_ += bytes;
  return id;
}

bool store_core::put(block_id in, object_id id) {
  auto found = blocks_.find(in);
  if (found == blocks_.end() || found->second.in != transit::writing)
    return false;
  auto [put, is_new] = objects_.try_emplace(id);
  auto& added = put->second;
  if (!is_new && (added.in || !added.asked))
    return false;
  added.in = in;
  added.keep = true;
  found->second.objects.insert(id);
  ++found->second.kept;
  found->second.used = ++clock_;
  touch(in, found->second);
  return true;
}

bool store_core::is_writing(block_id id, owner_id writer) const {
  auto found = blocks_.find(id);
  return found != blocks_.end() && found->second.in == transit::writing && found->second.writer == writer;
}

void store_core::close(block_id id) {
  auto found = blocks_.find(id);
  if (found == blocks_.end() || found->second.in != transit::writing)
    return;
  end_writing(id, found->second);
  settle();
}

void store_core::end_writing(block_id id, block_record& of) {
  of.in = transit::none;
  of.used = ++clock_;
  touch(id, of);
  release_if_unused(id);
}

// -- reading ----------------------------------------------------------------------------------------------

void store_core::want(request_id request, object_id id, std::optional<owner_id> user) {
  auto [found, is_new] = objects_.try_emplace(id);
  auto& wanted = found->second;
  wanted.waiters.push_back({request, user});
  if (is_new) {
    wanted.asked = true;
    effects_.find(id);
  } else if (wanted.in) {
    answer_when_in_memory(id, wanted);
  }
}

void store_core::answer_when_in_memory(object_id id, object_record& of) {
  if (!of.waiters.empty()) {
    auto& in = blocks_.at(of.in);
    if (in.in_memory && in.in != transit::loading)
      answer_ready(id, of);
    else
      need_in_memory(of.in, in);
  }
  settle();
}

/// Queues a load for a block that is on disk.
void store_core::need_in_memory(block_id id, const block_record& of) {
  if (of.in == transit::loading || std::any_of(claims_.begin(), claims_.end(), [&](auto& c) { return c.load == id; }))
    return;
  claim wanted;
  wanted.bytes = of.bytes;
  wanted.load = id;
  claims_.push_back(wanted);
}

/// Answers all requests for objects of a block that is now in memory.
void store_core::answer_all(const block_record& of) {
  for (auto object : of.objects)
    if (auto& waiting = objects_.at(object); !waiting.waiters.empty())
      answer_ready(object, waiting);
}

void store_core::answer_ready(object_id id, object_record& of) {
  auto& in = blocks_.at(of.in);
  for (const auto& w : of.waiters) {
    if (w.user) {
      auto& own = pins_[*w.user][id];
      own.in = of.in;
      ++own.count;
      ++in.pins;
    }
    effects_.ready(w.request, id);
  }
  of.waiters.clear();
  in.used = ++clock_;
  touch(of.in, in);
}

void store_core::fail_waiters(object_record& of, const store_problem& why) {
  for (const auto& w : of.waiters)
    effects_.failed(w.request, why);
  of.waiters.clear();
}

void store_core::unpin(object_id id, owner_id user) {
  auto held = pins_.find(user);
  if (held == pins_.end())
    return;
  auto own = held->second.find(id);
  if (own == held->second.end())
    return;
  auto in = own->second.in;
  if (--own->second.count == 0)
    held->second.erase(own);
  if (held->second.empty())
    pins_.erase(held);
  auto& block = blocks_.at(in);
  --block.pins;
  block.used = ++clock_;
  touch(in, block);
  release_if_unused(in);
  settle();
}

void store_core::user_left(owner_id user) {
  ++clock_;
  if (auto held = pins_.extract(user); !held.empty())
    for (const auto& [object, own] : held.mapped()) {
      auto& block = blocks_.at(own.in);
      block.pins -= own.count;
      block.used = clock_;
      touch(own.in, block);
      release_if_unused(own.in);
    }
  std::erase_if(claims_, [&](const claim& c) { return c.reserve && c.writer == user; });
  for (auto& [id, waiting] : objects_)
    std::erase_if(waiting.waiters, [&](const waiter& w) { return w.user == user; });
  std::vector<block_id> writing;
  for (const auto& [id, block] : blocks_)
    if (block.in == transit::writing && block.writer == user)
      writing.push_back(id);
  std::sort(writing.begin(), writing.end());
  for (auto id : writing)
    end_writing(id, blocks_.at(id));
  settle(); // after all of the above, so that nothing else has to leave memory
}

void store_core::stop_waiting(request_id request, object_id object) {
  if (auto found = objects_.find(object); found != objects_.end())
    std::erase_if(found->second.waiters, [&](const waiter& w) { return w.request == request; });
  settle();
}

// -- from the directory -----------------------------------------------------------------------------------

void store_core::found(object_id id, std::uint64_t size) {
  auto found = objects_.find(id);
  if (found == objects_.end() || !std::exchange(found->second.asked, false))
    return;
  if (found->second.in) {
    answer_when_in_memory(id, found->second);
    return;
  }
  if (found->second.waiters.empty()) {
    objects_.erase(found);
    effects_.dropped(id);
    return;
  }
  if (size <= tuning::small_object) {
    found->second.pulled = true;
    effects_.pull(id, {});
    return;
  }
  claim wanted;
  wanted.bytes = size;
  wanted.pull = id;
  claims_.push_back(wanted);
  settle();
}

void store_core::not_found(object_id id, const store_problem& why) {
  auto found = objects_.find(id);
  if (found == objects_.end() || !std::exchange(found->second.asked, false))
    return;
  if (found->second.in) {
    answer_when_in_memory(id, found->second);
    return;
  }
  fail_waiters(found->second, why);
  objects_.erase(found);
}

void store_core::free(object_id id) {
  auto found = objects_.find(id);
  if (found == objects_.end())
    return;
  auto& freed = found->second;
  if (freed.freed)
    return;
  fail_waiters(freed, released_meanwhile);
  if (freed.in) {
    auto in = freed.in;
    auto& block = blocks_.at(in);
    block.objects.erase(id);
    block.kept -= freed.keep;
    objects_.erase(found);
    touch(in, block);
    release_if_unused(in);
  } else if (freed.pulled) {
    freed.freed = true; // its memory is being written to
    effects_.cancel_pull(id);
  } else {
    std::erase_if(claims_, [&](const claim& c) { return c.pull == id; });
    objects_.erase(found);
  }
  settle();
}

void store_core::keep(object_id id) {
  auto found = objects_.find(id);
  if (found == objects_.end() || std::exchange(found->second.keep, true) || !found->second.in)
    return;
  auto& block = blocks_.at(found->second.in);
  ++block.kept;
  touch(found->second.in, block);
}

// -- work that has ended ----------------------------------------------------------------------------------

void store_core::arrived(object_id id, block_id in) {
  auto& block = blocks_.at(in);
  if (block.in != transit::arriving && block.in != transit::writing)
    throw std::logic_error{"an object arrived in a block that is closed"};
  if (block.in == transit::arriving)
    block.in = transit::none;
  auto found = objects_.find(id);
  bool expected = found != objects_.end() && found->second.pulled;
  if (expected && found->second.freed) {
    fail_waiters(found->second, released_meanwhile);
    objects_.erase(found);
  } else if (expected) {
    auto& here = found->second;
    here.in = in;
    here.arriving = {};
    here.pulled = false;
    block.objects.insert(id);
    block.kept += here.keep;
    answer_ready(id, here);
  }
  touch(in, block);
  release_if_unused(in);
  settle();
}

void store_core::pull_failed(object_id id, const store_problem& why) {
  auto found = objects_.find(id);
  if (found == objects_.end() || !found->second.pulled)
    return;
  auto arriving = found->second.arriving;
  fail_waiters(found->second, found->second.freed ? released_meanwhile : why);
  objects_.erase(found);
  if (arriving) {
    blocks_.at(arriving).in = transit::none;
    release_if_unused(arriving);
  }
  effects_.dropped(id);
  settle();
}

/// Ends this work on the disk for the block, and subtracts the block from `bytes`; null if no such work was in
/// progress.
auto store_core::end_work(block_id id, transit work, std::uint64_t& bytes) -> block_record* {
  auto found = blocks_.find(id);
  if (found == blocks_.end() || found->second.in != work)
    return nullptr;
  found->second.in = transit::none;
  bytes -= found->second.bytes;
  return &found->second;
}

void store_core::spilled(block_id id, std::uint64_t missing) {
  auto* ended = end_work(id, transit::spilling, leaving_);
  if (!ended)
    return;
  auto& block = *ended;
  block.on_disk = true;
  missing_ = missing;
  touch(id, block);
  if (block.objects.empty())
    release_if_unused(id);
  else if (block.pins == 0)
    leave_memory(id, block);
  settle();
}

void store_core::spill_failed(block_id id, const std::string& why) {
  auto* ended = end_work(id, transit::spilling, leaving_);
  if (!ended)
    return;
  auto& block = *ended;
  auto bytes = block.bytes;
  bool for_reading = block.for_reading;
  touch(id, block);
  release_if_unused(id);
  // At most one refusal per failure: the disk is tried again for each later claim, but not in an endless loop.
  if (!claims_.empty() && !fits(claims_.front(), memory_ - leaving_ - droppable_bytes_)) {
    auto refused = claims_.front();
    if (refused.load && !for_reading) {
      settle(); // the next attempt may use the reserve
      return;
    }
    if (refused.load) {
      too_large_ = bytes;
      if (next_to_spill(refused) != spillable_.end()) {
        settle();
        return;
      }
    }
    claims_.pop_front();
    refuse(refused, no_room_for(refused.bytes) + "; spilling to disk failed: " + why);
  }
  settle();
}

void store_core::loaded(block_id id) {
  auto* ended = end_work(id, transit::loading, loading_);
  if (!ended)
    return;
  auto& block = *ended;
  if (block.objects.empty())
    release_if_unused(id);
  else
    answer_all(block);
  if (auto still = blocks_.find(id); still != blocks_.end())
    touch(id, still->second);
  settle();
}

void store_core::load_failed(block_id id, const store_problem& why) {
  auto* ended = end_work(id, transit::loading, loading_);
  if (!ended)
    return;
  auto& block = *ended;
  if (why.code == error_code::object_lost) {
    drop_objects(id, block);
  } else {
    block.in_memory = false;
    memory_ -= block.bytes;
    for (auto object : block.objects)
      fail_waiters(objects_.at(object), why);
    release_if_unused(id);
  }
  settle();
}

/// Removes all objects of a block. If requests wait for an object, searches for it on another node.
void store_core::drop_objects(block_id id, block_record& of) {
  for (auto object : of.objects) {
    effects_.dropped(object);
    auto found = objects_.find(object);
    if (found->second.waiters.empty()) {
      objects_.erase(found);
      continue;
    }
    found->second.in = {};
    found->second.keep = false;
    found->second.asked = true;
    effects_.find(object);
  }
  of.objects.clear();
  of.kept = 0;
  touch(id, of);
  release_if_unused(id);
}

// -- room -------------------------------------------------------------------------------------------------

/// Updates the sets of blocks that could leave memory.
void store_core::touch(block_id id, block_record& of) {
  if (droppable_.erase({of.filed, id}) != 0)
    droppable_bytes_ -= of.bytes;
  if (spillable_.erase({of.filed, id}) != 0)
    spillable_bytes_ -= of.bytes;
  of.filed = of.used;
  if (!of.in_memory || of.in != transit::none || of.pins != 0 || of.objects.empty())
    return;
  (droppable(of) ? droppable_ : spillable_).emplace(of.filed, id);
  (droppable(of) ? droppable_bytes_ : spillable_bytes_) += of.bytes;
}

void store_core::leave_memory(block_id id, block_record& of) {
  of.in_memory = false;
  memory_ -= of.bytes;
  touch(id, of);
  effects_.leave_memory(id);
}

/// Frees a block without objects. Its memory is freed only when it is neither mapped nor in use by a thread.
void store_core::release_if_unused(block_id id) {
  auto found = blocks_.find(id);
  auto& block = found->second;
  if (!block.objects.empty() || block.in != transit::none)
    return;
  if (!std::exchange(block.forgotten, true)) {
    touch(id, block);
    std::erase_if(claims_, [&](const claim& c) { return c.load == id; });
    effects_.forget(id);
  }
  if (std::exchange(block.on_disk, false)) {
    missing_ -= std::min(missing_, block.bytes);
    too_large_ = UINT64_MAX;
  }
  if (block.pins != 0)
    return;
  if (block.in_memory)
    memory_ -= block.bytes;
  blocks_.erase(found);
}

void store_core::settle() {
  while (!claims_.empty()) {
    auto first = claims_.front();
    auto staying = memory_ - leaving_;
    auto in_use = staying - droppable_bytes_ - (can_spill_ ? spillable_bytes_ : 0);
    bool fits_now = fits(first, memory_);
    // There will be room when the spilling has ended, and there may be when the loading has ended. Requests for objects
    // are repeated from time to time: until then the claim keeps its place, even without a waiting request.
    if (!fits_now && (fits(first, staying) || (!fits(first, in_use) && fits(first, in_use - loading_))))
      return;
    if (nobody_waits_for(first)) {
      claims_.pop_front();
      refuse(first, {});
    } else if (fits_now) {
      claims_.pop_front();
      grant(first);
    } else if (!fits(first, in_use) || !make_room(first)) {
      claims_.pop_front();
      refuse(first, no_room_for(first.bytes));
    }
  }
}

bool store_core::fits(const claim& wanted, std::uint64_t taken) const {
  auto needed = needed_by(wanted);
  return needed <= limit_ && taken <= limit_ - needed;
}

/// If part of the disk reserve was used, new data must leave room in memory to read spilled blocks back.
std::uint64_t store_core::needed_by(const claim& wanted) const {
  return wanted.bytes + (missing_ != 0 && !wanted.load ? largest_on_disk() : 0);
}

std::uint64_t store_core::largest_on_disk() const {
  std::uint64_t largest = 0;
  for (const auto& [id, block] : blocks_)
    if (block.on_disk)
      largest = std::max(largest, block.bytes);
  return largest;
}

/// All requests for it have been withdrawn.
bool store_core::nobody_waits_for(const claim& wanted) const {
  if (wanted.reserve)
    return false;
  if (wanted.pull)
    return objects_.at(wanted.pull).waiters.empty();
  const auto& objects = blocks_.at(wanted.load).objects;
  return std::all_of(objects.begin(), objects.end(), [&](auto id) { return objects_.at(id).waiters.empty(); });
}

/// Removes one block from memory, now or soon. False if all blocks that could leave are too large for the disk.
bool store_core::make_room(const claim& wanted) {
  if (!droppable_.empty()) {
    auto id = droppable_.begin()->second;
    auto& oldest = blocks_.at(id);
    if (oldest.on_disk)
      leave_memory(id, oldest);
    else
      drop_objects(id, oldest);
    return true;
  }
  auto next = next_to_spill(wanted);
  if (next == spillable_.end())
    return false;
  auto id = next->second;
  auto& oldest = blocks_.at(id);
  // Room for the largest block that may have to be read, and for the largest that may have to be spilled for it.
  auto largest = wanted.bytes;
  for (const auto& [used, other] : spillable_)
    largest = std::max(largest, blocks_.at(other).bytes);
  auto reserve = std::max(largest_on_disk(), oldest.bytes) + largest;
  oldest.in = transit::spilling;
  oldest.for_reading = bool{wanted.load};
  leaving_ += oldest.bytes;
  touch(id, oldest);
  effects_.spill(id, reserve, oldest.for_reading);
  return true;
}

auto store_core::next_to_spill(const claim& wanted) -> std::set<std::pair<std::uint64_t, block_id>>::iterator {
  if (!wanted.load)
    return spillable_.begin();
  return std::find_if(spillable_.begin(), spillable_.end(),
                      [&](const auto& entry) { return blocks_.at(entry.second).bytes < too_large_; });
}

void store_core::grant(const claim& to) {
  too_large_ = UINT64_MAX;
  if (to.reserve) {
    auto id = new_block(to.bytes, transit::writing);
    blocks_.at(id).writer = to.writer;
    effects_.granted(to.reserve, id);
  } else if (to.pull) {
    auto& pulled = objects_.at(to.pull);
    pulled.pulled = true;
    pulled.arriving = new_block(to.bytes, transit::arriving);
    effects_.pull(to.pull, pulled.arriving);
  } else {
    auto& block = blocks_.at(to.load);
    block.in_memory = true;
    block.in = transit::loading;
    memory_ += block.bytes;
    loading_ += block.bytes;
    effects_.load(to.load);
  }
}

void store_core::refuse(const claim& to, const std::string& why) {
  store_problem problem{error_code::no_room, why};
  too_large_ = UINT64_MAX; // the next claim tries the disk again
  if (to.reserve) {
    problem.may_pass = would_fit_without_pins(to.bytes, to.writer);
    effects_.failed(to.reserve, problem);
  } else if (to.pull) {
    auto found = objects_.find(to.pull);
    refuse_waiters(found->second, to.bytes, problem);
    objects_.erase(found);
    effects_.dropped(to.pull);
  } else {
    for (auto object : blocks_.at(to.load).objects)
      refuse_waiters(objects_.at(object), to.bytes, problem);
  }
}

void store_core::refuse_waiters(object_record& of, std::uint64_t bytes, const store_problem& why) {
  auto problem = why;
  for (const auto& w : of.waiters) {
    problem.may_pass = would_fit_without_pins(bytes, w.user.value_or(owner_id{}));
    effects_.failed(w.request, problem);
  }
  of.waiters.clear();
}

/// Whether only pins are in the way. Tasks that have just ended, and gathering threads, unpin their objects by
/// themselves. The client unpins its objects only when the program that sent the request continues.
bool store_core::would_fit_without_pins(std::uint64_t bytes, owner_id asker) const {
  std::set<block_id> staying;
  if (auto own = pins_.find(client_owner); asker == client_owner && own != pins_.end())
    for (const auto& [object, held] : own->second)
      staying.insert(held.in);
  auto taken = memory_ - leaving_ - droppable_bytes_ - (can_spill_ ? spillable_bytes_ : 0);
  if (bytes > limit_ || taken <= limit_ - bytes)
    return false; // something other than pins is in the way
  for (const auto& [id, block] : blocks_)
    if (block.pins != 0 && block.in == transit::none && !staying.contains(id) &&
        (can_spill_ || droppable(block) || block.objects.empty()))
      taken -= block.bytes;
  return taken <= limit_ - bytes;
}

std::string store_core::no_room_for(std::uint64_t bytes) const {
  auto now = count();
  std::uint64_t shared = 0;
  for (const auto& [id, block] : blocks_)
    shared += block.in_memory && block.bytes == tuning::shared_block ? block.bytes : 0;
  return format_bytes(bytes) + " do not fit into the store of this node: of its limit of " + format_bytes(now.limit) +
         ", " + format_bytes(now.memory) + " are taken, " + format_bytes(now.in_use) +
         " of them by running tasks, views and data on their way" +
         (can_spill_ ? "" : ", and there is no folder to spill to (spill_directory)") +
         (shared > now.memory / 2 ? "; small objects share blocks of " + format_bytes(tuning::shared_block) +
                                        ", each of which stays as long as one of its objects"
                                  : "") +
         "; release data, let tasks use less at a time, or raise store_limit";
}

// -- questions ----------------------------------------------------------------------------------------------

auto store_core::count() const -> figures {
  figures sum;
  sum.limit = limit_;
  sum.memory = memory_;
  for (const auto& [id, block] : blocks_) {
    if (!block.in_memory)
      sum.disk += block.bytes;
    else if (block.pins != 0 || block.in == transit::writing || block.in == transit::arriving ||
             block.in == transit::loading)
      sum.in_use += block.bytes;
  }
  return sum;
}

bool store_core::has(object_id object) const {
  auto found = objects_.find(object);
  return found != objects_.end() && found->second.in;
}

bool store_core::is_in_memory(object_id object) const {
  auto found = objects_.find(object);
  if (found == objects_.end() || !found->second.in)
    return false;
  const auto& in = blocks_.at(found->second.in);
  return in.in_memory && in.in != transit::loading;
}

void store_core::check_invariants() const {
  auto require = [](bool holds, const char* what) {
    if (!holds)
      throw std::logic_error{what};
  };
  std::uint64_t memory = 0;
  std::uint64_t leaving = 0;
  std::uint64_t loading = 0;
  std::uint64_t droppable_bytes = 0;
  std::uint64_t spillable_bytes = 0;
  std::unordered_map<block_id, std::uint64_t> pins;
  for (const auto& [user, held] : pins_) {
    require(!held.empty(), "a user is kept that has pinned nothing");
    for (const auto& [object, own] : held) {
      require(own.count != 0, "a pin is kept that nobody holds");
      pins[own.in] += own.count;
    }
  }
  std::unordered_map<object_id, std::size_t> pulls;
  std::unordered_map<block_id, std::size_t> loads;
  for (const auto& c : claims_) {
    require(c.reserve || objects_.contains(c.pull) || blocks_.contains(c.load), "a claim is for what is gone");
    if (c.pull)
      ++pulls[c.pull];
    if (c.load)
      ++loads[c.load];
  }
  std::size_t filed = 0;
  for (const auto& [id, block] : blocks_) {
    if (block.in_memory)
      memory += block.bytes;
    if (block.in == transit::spilling)
      leaving += block.bytes;
    if (block.in == transit::loading)
      loading += block.bytes;
    require(block.in_memory || (block.on_disk && block.in == transit::none), "a block is nowhere");
    require(block.pins == pins[id], "the pins of a block are miscounted");
    require(block.pins == 0 || (block.in_memory && block.in != transit::loading),
            "a block is used that is not in memory");
    require(!block.objects.empty() || block.in != transit::none || block.pins != 0, "a block is held for nothing");
    require(block.forgotten == (block.objects.empty() && block.in == transit::none),
            "a block is forgotten that has objects, or is not that has none");
    require(loads[id] <= (block.in_memory ? 0U : 1U), "a block that is in memory is to be loaded, or is twice");
    std::uint64_t kept = 0;
    for (auto object : block.objects) {
      auto found = objects_.find(object);
      require(found != objects_.end() && found->second.in == id, "an object is filed in another block");
      kept += found->second.keep;
      require(found->second.waiters.empty() || block.in == transit::loading || loads[id] != 0 || found->second.asked,
              "an object is waited for, and nothing is done about it");
    }
    require(kept == block.kept, "the objects that a block keeps are miscounted");
    bool can_leave = block.in_memory && block.in == transit::none && block.pins == 0 && !block.objects.empty();
    std::pair entry{block.filed, id};
    require(droppable_.contains(entry) == (can_leave && droppable(block)), "droppable_ is wrong");
    require(spillable_.contains(entry) == (can_leave && !droppable(block)), "spillable_ is wrong");
    filed += can_leave;
    if (can_leave)
      (droppable(block) ? droppable_bytes : spillable_bytes) += block.bytes;
  }
  require(filed == droppable_.size() + spillable_.size(), "a block is filed that is gone, or twice");
  require(memory == memory_ && leaving == leaving_ && loading == loading_, "memory is miscounted");
  require(droppable_bytes == droppable_bytes_ && spillable_bytes == spillable_bytes_,
          "what can leave memory is miscounted");
  require(memory_ <= limit_, "the limit is exceeded");
  require(claims_.empty() || leaving_ != 0 || loading_ != 0, "a claim waits for nothing");
  for (const auto& [id, object] : objects_) {
    require(!object.in || blocks_.at(object.in).objects.contains(id), "a block does not know its object");
    bool claims = pulls[id] != 0;
    require(pulls[id] <= 1 && bool{object.in} + (object.asked && !object.in) + object.pulled + claims == 1,
            "an object is in several states, or in none");
    require(object.pulled || (!object.freed && !object.arriving), "an object is received that is not pulled");
  }
}

} // namespace daskify::internal
