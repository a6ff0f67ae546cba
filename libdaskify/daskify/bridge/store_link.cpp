#include "daskify/bridge/store_link.hpp"

#include "daskify/code/type_label.hpp"
#include "daskify/defaults.hpp"

#include <algorithm>

namespace daskify::internal {

namespace {

constexpr auto store_name = "store of this node"; // in errors

} // namespace

object_reference::object_reference(std::weak_ptr<cluster_session> session, std::shared_ptr<store_link> store,
                                   object_id object, std::string key, std::uint64_t size)
    : session_{std::move(session)},
      store_{std::move(store)},
      object_{object},
      key_{std::move(key)},
      size_{size} {}

object_reference::~object_reference() {
  store_->release(object_);
}

bool object_reference::belongs_to(const cluster_session* session) const {
  auto mine = session_.lock();
  return mine && mine.get() == session;
}

/// Room granted by the store; given back if it was not used.
class store_link::room final : public data_room {
public:
  room(std::shared_ptr<store_link> link, block_id id, std::uint64_t size)
      : link_{std::move(link)},
        id_{id},
        builder_{"object", size} {}
  ~room() override { link_->give_back(id_); }

  std::span<std::byte> bytes() noexcept override { return builder_.bytes(); }
  block_id id() const { return id_; }
  bool is_of(const store_link& link) const { return link_.get() == &link; }
  std::pair<segment, chunk_checksums> seal() {
    auto sums = checksums_of_chunks(builder_.bytes());
    return {std::move(builder_).seal(), std::move(sums)};
  }

private:
  std::shared_ptr<store_link> link_;
  block_id id_;
  segment_builder builder_;
};

/// Keeps an object in the memory of the store.
struct store_link::pinned_object {
  std::weak_ptr<store_link> link;
  object_id object;
  block_id block;
  std::shared_ptr<mapped_segment> in;
  std::span<const std::byte> bytes;
  std::uint64_t type = 0;

  pinned_object() = default;
  pinned_object(const pinned_object&) = delete;
  pinned_object& operator=(const pinned_object&) = delete;
  ~pinned_object() {
    in.reset(); // first, so that the memory is unmapped before the store is notified
    if (auto open = link.lock())
      open->unpin(object, block);
  }
};

struct store_link::open_block {
  block_id id;
  block_writer writer;
};

store_link::store_link(std::shared_ptr<actor_bridge> through, distance how_far)
    : through_{std::move(through)},
      how_far_{how_far} {}

store_link::~store_link() = default;

void store_link::join(store_for_users store, const join_store& who, object_listener listener) {
  store_ = std::move(store);
  owner_ = who.owner;
  auto asked = through_->ask<acknowledged>(store_, limit(tuning::answer_timeout), store_name, who, std::move(listener));
  asked.slot()->wait({});
}

/// In a forked copy of the process locks may be held forever, so this is checked before any lock is taken.
void store_link::require_open() const {
  if (!through_->is_open())
    through_->throw_closed();
}

/// No timeout for a store in this process: it answers, or ends with the session.
actor_bridge::patience store_link::limit(std::chrono::milliseconds timeout) const {
  return how_far_ == distance::remote ? actor_bridge::patience{timeout} : std::nullopt;
}

template <class Reply, class Message>
Reply store_link::ask(Message message, std::chrono::milliseconds timeout) {
  return through_->ask_and_wait<Reply>(store_, limit(timeout), store_name, std::move(message));
}

// -- writing ----------------------------------------------------------------------------------------------

block_id store_link::reserve_block(std::uint64_t bytes) {
  return ask<room_granted>(reserve_room{bytes}, tuning::room_timeout + tuning::answer_timeout).block;
}

void store_link::give_back(block_id block) noexcept {
  through_->tell_if_open(store_, close_block{block});
}

put_object store_link::message_for(const new_object& what, std::uint64_t size, chunk_checksums sums) {
  put_object message;
  message.facts.object = nth_object_of(owner_, ++last_object_);
  message.facts.size = size;
  message.facts.checksum = checksum_of_object(size, sums);
  message.facts.type = what.type.hash;
  message.facts.type_name = what.type.name;
  message.key = what.key;
  message.when_taken = what.when_taken;
  message.sums = std::move(sums);
  return message;
}

object_id store_link::put_bytes(const new_object& what, part bytes) {
  require_open();
  if (bytes.size() > tuning::small_object) {
    auto block = reserve_block(bytes.size());
    try {
      segment_writer writer{what.key.empty() ? "object" : what.key, bytes.size()};
      writer.write(bytes);
      auto memory = std::move(writer).seal();
      return put_segment(what, block, memory, writer.sums()); // NOLINT(bugprone-use-after-move): only the segment is
    } catch (...) {
      give_back(block);
      throw;
    }
  }
  auto message = message_for(what, bytes.size(), checksums_of_chunks(bytes));
  auto id = message.facts.object;
  put_small(message, bytes, what.key.empty() && how_far_ == distance::same_process);
  return id;
}

std::shared_ptr<object_reference> store_link::put(const new_object& what, part bytes) {
  return hold(put_bytes(what, bytes), what.key, bytes.size());
}

object_id store_link::put_unheld(const type_label& type, part bytes) {
  return put_bytes({{}, existing_key::refuse, type}, bytes);
}

std::shared_ptr<object_reference> store_link::put_once(const type_label& type, part bytes) {
  require_open();
  std::pair content{type.hash, hash_of_content(bytes)};
  {
    std::lock_guard guard{values_};
    if (auto known = by_content_.find(content); known != by_content_.end())
      if (auto held = known->second.held.lock())
        return held;
  }
  auto held = put({{}, existing_key::refuse, type}, bytes);
  std::lock_guard guard{values_};
  std::erase_if(by_content_, [](const auto& entry) { return entry.second.held.expired(); });
  by_content_[content] = {held->id(), held};
  return held;
}

std::shared_ptr<object_reference> store_link::hold(object_id object, std::string key, std::uint64_t size) {
  return std::make_shared<object_reference>(session_, shared_from_this(), object, std::move(key), size);
}

object_id store_link::put_segment(const new_object& what, block_id block, const segment& memory, chunk_checksums sums) {
  auto message = message_for(what, memory.size(), std::move(sums));
  auto id = message.facts.object;
  auto where = memory.locator();
  message.block = block;
  message.last = true;
  message.pid = where.pid;
  message.fd = where.fd;
  message.inode = where.inode;
  message.block_size = where.size;
  ask<acknowledged>(std::move(message), tuning::directory_timeout);
  return id;
}

void store_link::put_small(put_object& message, part bytes, bool quiet) {
  // All under the lock: a block may be closed only after everything that was put into it has been sent.
  std::unique_lock lock{writing_};
  if (!block_ || block_->writer.room() < message.facts.size) {
    if (block_) {
      // The store must have taken over the memory before this descriptor is closed.
      flush();
      give_back(block_->id);
      block_.reset();
    }
    auto id = reserve_block(tuning::shared_block);
    try {
      block_ = std::make_unique<open_block>(open_block{id, block_writer{tuning::shared_block}});
    } catch (...) {
      give_back(id);
      throw;
    }
  }
  message.block = block_->id;
  message.offset = block_->writer.append(bytes);
  auto where = block_->writer.readers().locator();
  message.pid = where.pid;
  message.fd = where.fd;
  message.inode = where.inode;
  message.block_size = where.size;
  if (quiet) {
    through_->tell(store_, put_unkeyed{std::move(message)});
    ++told_; // afterwards: a thread that sees the count asks after this message
  } else {
    ask<acknowledged>(std::move(message), tuning::directory_timeout);
  }
}

std::unique_ptr<data_room> store_link::reserve(std::uint64_t bytes) {
  auto block = reserve_block(bytes);
  try {
    return std::make_unique<room>(shared_from_this(), block, bytes);
  } catch (...) {
    give_back(block);
    throw;
  }
}

std::shared_ptr<object_reference> store_link::put(const new_object& what, std::unique_ptr<data_room> filled) {
  auto& ours = dynamic_cast<room&>(*filled); // there is no other kind
  if (!ours.is_of(*this))
    throw data_error{error_code::foreign_handle,
                     "A builder of another cluster, or of an earlier start of this one, was scattered; make a new one "
                     "with new_data."};
  auto [memory, sums] = ours.seal();
  return hold(put_segment(what, ours.id(), memory, std::move(sums)), what.key, memory.size());
}

void store_link::flush() {
  auto all = told_.load();
  std::lock_guard guard{flushing_};
  if (confirmed_ >= all)
    return;
  ask<acknowledged>(flush_puts{}, tuning::directory_timeout);
  confirmed_ = all;
}

// -- reading ----------------------------------------------------------------------------------------------

auto store_link::map(object_id object) -> mapped_object {
  require_open();
  if (auto known = mapped_already(object))
    return *known;
  for (bool again = true;; again = false) {
    object_location where;
    while (!where.there)
      where = locate(object);
    try {
      return map_at(where);
    } catch (const data_error& e) {
      // The store's process may have just ended, and this process may be about to end with it.
      if (e.code() != error_code::store_failed || how_far_ != distance::remote || !again)
        throw;
    }
  }
}

object_location store_link::locate(object_id object) {
  try {
    return ask<object_location>(locate_object{object}, tuning::patience + tuning::answer_timeout);
  } catch (const cluster_error& e) {
    // A process that was stopped for a while finds its timeouts expired when it continues. If the store has really
    // ended, this process ends with it.
    if (e.code() != error_code::no_answer)
      throw;
    return {};
  }
}

std::vector<shared_bytes> store_link::map_all(const std::vector<object_id>& objects) {
  std::vector<actor_bridge::question<object_location>> asked;
  asked.reserve(objects.size());
  for (auto object : objects)
    asked.push_back(through_->ask<object_location>(store_, limit(tuning::patience + tuning::answer_timeout), store_name,
                                                   locate_object{object}));
  // Collects all answers, also when one of them is an error, so that the objects that they pin are unpinned.
  std::vector<shared_bytes> all;
  std::exception_ptr problem;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    try {
      auto where = *asked[i].slot()->wait({});
      all.push_back((where.there ? map_at(where) : map(objects[i])).bytes);
    } catch (...) {
      problem = std::current_exception();
    }
  }
  if (problem)
    std::rethrow_exception(problem);
  return all;
}

auto store_link::mapped_already(object_id object) -> std::optional<mapped_object> {
  std::lock_guard guard{mapping_};
  if (auto known = objects_.find(object); known != objects_.end())
    if (auto pinned = known->second.lock())
      return mapped_object{{pinned, pinned->bytes}, pinned->type};
  return {};
}

/// Maps an object that was located; it is unpinned once its last user has released it.
auto store_link::map_at(const object_location& where) -> mapped_object {
  auto pinned = std::make_shared<pinned_object>();
  pinned->object = where.object;
  pinned->block = where.block;
  pinned->link = weak_from_this(); // from here on its destructor unpins it, also when mapping fails
  pinned->in = map_block(where);
  auto bytes = pinned->in->view();
  if (where.offset > bytes.size() || where.size > bytes.size() - where.offset)
    throw data_error{error_code::store_failed, "the store of this node returned an invalid location"};
  pinned->bytes = bytes.subspan(where.offset, where.size);
  pinned->type = where.type;
  std::lock_guard guard{mapping_};
  objects_[where.object] = pinned;
  return {{pinned, pinned->bytes}, pinned->type};
}

std::shared_ptr<mapped_segment> store_link::map_block(const object_location& where) {
  std::lock_guard guard{mapping_};
  auto& known = blocks_[where.block];
  auto mapping = known.lock();
  if (!mapping) {
    mapping = std::make_shared<mapped_segment>(map_segment({where.pid, where.fd, where.inode, where.block_size}));
    known = mapping;
  }
  return mapping;
}

void store_link::unpin(object_id object, block_id block) noexcept {
  if (!through_->is_open())
    return;
  {
    std::lock_guard guard{mapping_};
    if (auto known = objects_.find(object); known != objects_.end() && known->second.expired())
      objects_.erase(known);
    if (auto known = blocks_.find(block); known != blocks_.end() && known->second.expired())
      blocks_.erase(known);
  }
  through_->tell_if_open(store_, unpin_objects{{object}});
}

std::shared_ptr<object_reference> store_link::find(const std::string& key, const type_label& type) {
  auto facts = ask<object_found>(find_object{key, type.hash, type.name, {}}, tuning::directory_timeout).facts;
  return hold(facts.object, key, facts.size);
}

void store_link::release(object_id object) noexcept {
  through_->tell_if_open(store_, release_object{object, {}});
}

void store_link::retain_for_run(const std::vector<object_id>& objects) {
  if (!objects.empty())
    through_->tell(store_, retain_objects{objects, {}});
}

void store_link::forget(const std::vector<object_id>& objects) {
  std::lock_guard guard{values_};
  std::erase_if(by_content_, [&](const auto& entry) {
    return std::find(objects.begin(), objects.end(), entry.second.object) != objects.end();
  });
}

void store_link::drop_key(const std::string& key) {
  ask<acknowledged>(internal::drop_key{key, {}, {}}, tuning::directory_timeout);
}

void store_link::drop_key_of(object_id object) {
  ask<acknowledged>(internal::drop_key{{}, object, {}}, tuning::directory_timeout);
}

object_list store_link::list() {
  return ask<object_list>(list_objects{}, tuning::directory_timeout);
}

node_list store_link::nodes() {
  return ask<node_list>(list_nodes{}, tuning::directory_timeout);
}

void store_link::spread(object_id object) {
  ask<acknowledged>(spread_object{object}, tuning::room_timeout);
}

} // namespace daskify::internal
