#pragma once

#include "daskify/bridge/actor_bridge.hpp"
#include "daskify/code/type_label.hpp"
#include "daskify/existing_key.hpp"
#include "daskify/scattered.hpp"
#include "daskify/store/shared_memory.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

namespace daskify::internal {

/// What is to be put into the store, beside its bytes.
struct new_object {
  std::string key; ///< empty: none
  existing_key when_taken = existing_key::refuse;
  type_label type;
};

class store_link;

/// One reference to an object, which goes back to the store with this.
class object_reference final : public object_handle {
public:
  object_reference(std::weak_ptr<cluster_session> session, std::shared_ptr<store_link> store, object_id object,
                   std::string key, std::uint64_t size);
  ~object_reference() override;

  object_id id() const override { return object_; }
  const std::string& key() const override { return key_; }
  std::uint64_t size() const override { return size_; }
  bool belongs_to(const cluster_session* session) const override;

private:
  std::weak_ptr<cluster_session> session_;
  std::shared_ptr<store_link> store_;
  object_id object_;
  std::string key_;
  std::uint64_t size_;
};

/// How threads that are no actors use the store of their node: they write objects into shared memory, which the store
/// takes over, and map what it has. Thread-safe. All that asks the store throws data_error, or cluster_error when the
/// store is gone.
class store_link : public std::enable_shared_from_this<store_link> {
public:
  enum class distance { same_process, remote };

  store_link(std::shared_ptr<actor_bridge> through, distance how_far);
  ~store_link();

  /// Joins a store, which tells `listener` what is freed. Throws when the store refuses. REQUIRES: before all else.
  void join(store_for_users store, const join_store& who, object_listener listener);
  /// The session whose objects these are, for handles.
  void use(std::weak_ptr<cluster_session> session) { session_ = std::move(session); }

  // -- writing ----------------------------------------------------------------------------------------------

  using part = std::span<const std::byte>;
  /// The bytes as an object. Without a key, and in the store's own process, a small object is on its way when this
  /// returns; see `flush`.
  std::shared_ptr<object_reference> put(const new_object& what, part bytes);
  /// The same, but a value that was put like this before, and is still held, is not put again.
  std::shared_ptr<object_reference> put_once(const type_label& type, part bytes);
  /// The same, and nobody holds it here: whoever is told of it has to claim it.
  object_id put_unheld(const type_label& type, part bytes);

  /// Room in shared memory for an object that is filled in place, and then put.
  std::unique_ptr<data_room> reserve(std::uint64_t bytes);
  /// REQUIRES: the room comes from a link of this process.
  std::shared_ptr<object_reference> put(const new_object& what, std::unique_ptr<data_room> filled);

  /// Everything that was put is known wherever somebody might ask for it.
  void flush();

  // -- reading ----------------------------------------------------------------------------------------------

  struct mapped_object {
    shared_bytes bytes; ///< stay there as long as this or a copy lives
    std::uint64_t type = 0;
  };
  /// Waits until the object is in memory on this node. The same object is mapped once, as long as somebody uses it.
  mapped_object map(object_id object);
  /// The same for several, asked for at the same time.
  std::vector<shared_bytes> map_all(const std::vector<object_id>& objects);

  /// By key, with a new reference.
  std::shared_ptr<object_reference> find(const std::string& key, const type_label& type);
  void release(object_id object) noexcept;
  /// The scheduler holds these as well, for a run that is about to be submitted, and lets go of them after it.
  void retain_for_run(const std::vector<object_id>& objects);
  /// They are gone: values that were put as these have to be put again.
  void forget(const std::vector<object_id>& objects);

  void drop_key(const std::string& key);
  void drop_key_of(object_id object);
  object_list list();
  node_list nodes();
  void spread(object_id object);

private:
  class room;
  struct pinned_object;
  struct open_block;

  void require_open() const;
  actor_bridge::patience limit(std::chrono::milliseconds timeout) const;
  template <class Reply, class Message>
  Reply ask(Message message, std::chrono::milliseconds timeout);
  object_id put_bytes(const new_object& what, part bytes);
  void put_small(put_object& message, part bytes, bool quiet);
  std::shared_ptr<object_reference> hold(object_id object, std::string key, std::uint64_t size);
  block_id reserve_block(std::uint64_t bytes);
  void give_back(block_id block) noexcept;
  object_id put_segment(const new_object& what, block_id block, const segment& memory, chunk_checksums sums);
  put_object message_for(const new_object& what, std::uint64_t size, chunk_checksums sums);
  void unpin(object_id object, block_id block) noexcept;
  object_location locate(object_id object);
  std::optional<mapped_object> mapped_already(object_id object);
  mapped_object map_at(const object_location& where);
  std::shared_ptr<mapped_segment> map_block(const object_location& where);

  std::shared_ptr<actor_bridge> through_;
  distance how_far_;
  store_for_users store_;
  owner_id owner_;
  std::weak_ptr<cluster_session> session_;
  std::atomic<std::uint64_t> last_object_{0};
  std::atomic<std::uint64_t> told_{0}; ///< puts that were told, and not asked about
  std::mutex flushing_;
  std::uint64_t confirmed_ = 0; ///< so many of them are known to the directory

  std::mutex writing_;
  std::unique_ptr<open_block> block_; ///< for small objects

  std::mutex values_;
  struct known_value {
    object_id object;
    std::weak_ptr<object_reference> held;
  };
  std::map<std::pair<std::uint64_t, content_hash>, known_value> by_content_; ///< and type

  std::mutex mapping_;
  std::unordered_map<block_id, std::weak_ptr<mapped_segment>> blocks_;
  std::unordered_map<object_id, std::weak_ptr<pinned_object>> objects_;
};

} // namespace daskify::internal
