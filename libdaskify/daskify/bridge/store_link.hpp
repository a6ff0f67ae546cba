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

/// An object to be put into the store, without its bytes.
struct new_object {
  std::string key; ///< empty: none
  existing_key when_taken = existing_key::refuse;
  type_label type;
};

class store_link;

/// One reference to an object; the destructor returns it to the store.
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

/// Lets threads that are no actors use the store of their node: they write objects into shared memory, which the store
/// takes over, and map the objects that it has. Thread-safe. All requests to the store throw data_error, or
/// cluster_error if the store has ended.
class store_link : public std::enable_shared_from_this<store_link> {
public:
  enum class distance { same_process, remote };

  store_link(std::shared_ptr<actor_bridge> through, distance how_far);
  ~store_link();

  /// Joins a store, which notifies `listener` of freed objects. Throws if the store refuses. REQUIRES: before all else.
  void join(store_for_users store, const join_store& who, object_listener listener);
  /// Sets the session that owns the objects, for handles.
  void use(std::weak_ptr<cluster_session> session) { session_ = std::move(session); }

  // -- writing ----------------------------------------------------------------------------------------------

  using part = std::span<const std::byte>;
  /// Puts the bytes as an object. Without a key, and in the store's own process, a small object may still be on its way
  /// when this returns; see `flush`.
  std::shared_ptr<object_reference> put(const new_object& what, part bytes);
  /// The same, but an equal value that was put by this function before, and is still held, is not put again.
  std::shared_ptr<object_reference> put_once(const type_label& type, part bytes);
  /// The same without a reference in this process: a process that learns of the object has to claim it.
  object_id put_unheld(const type_label& type, part bytes);

  /// Reserves shared memory for an object that is filled in place, and then put.
  std::unique_ptr<data_room> reserve(std::uint64_t bytes);
  /// REQUIRES: the room comes from a link of this process.
  std::shared_ptr<object_reference> put(const new_object& what, std::unique_ptr<data_room> filled);

  /// Waits until everything that was put is known wherever it may be requested.
  void flush();

  // -- reading ----------------------------------------------------------------------------------------------

  struct mapped_object {
    shared_bytes bytes; ///< stay mapped as long as this or a copy lives
    std::uint64_t type = 0;
  };
  /// Waits until the object is in memory on this node. The object is mapped only once as long as it is in use.
  mapped_object map(object_id object);
  /// The same for several objects, requested at the same time.
  std::vector<shared_bytes> map_all(const std::vector<object_id>& objects);

  /// Finds an object by its key; returns a new reference.
  std::shared_ptr<object_reference> find(const std::string& key, const type_label& type);
  void release(object_id object) noexcept;
  /// Makes the scheduler hold the objects, too, for a run that is about to be submitted, and release them after the
  /// run.
  void retain_for_run(const std::vector<object_id>& objects);
  /// The objects have been freed: values that were put as these objects have to be put again.
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
  std::atomic<std::uint64_t> told_{0}; ///< puts that were sent without a request
  std::mutex flushing_;
  std::uint64_t confirmed_ = 0; ///< number of these that the directory knows

  std::mutex writing_;
  std::unique_ptr<open_block> block_; ///< for small objects

  std::mutex values_;
  struct known_value {
    object_id object;
    std::weak_ptr<object_reference> held;
  };
  std::map<std::pair<std::uint64_t, content_hash>, known_value> by_content_; ///< by type and content

  std::mutex mapping_;
  std::unordered_map<block_id, std::weak_ptr<mapped_segment>> blocks_;
  std::unordered_map<object_id, std::weak_ptr<pinned_object>> objects_;
};

} // namespace daskify::internal
