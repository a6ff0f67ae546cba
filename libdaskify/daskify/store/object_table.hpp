#pragma once

/// The locations of the objects and blocks of this node. Written by the store actor, read by the threads of its
/// transfer. Thread-safe.

#include "daskify/os/file_descriptor.hpp"
#include "daskify/protocol/ids.hpp"
#include "daskify/store/chunked_object.hpp"
#include "daskify/store/shared_memory.hpp"
#include "daskify/store/spill_file.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace daskify::internal {

class object_table {
public:
  /// The location of an object that is on this node.
  struct place {
    block_id block;
    std::uint64_t offset = 0; ///< in the block
    std::uint64_t size = 0;   ///< bytes
    std::uint64_t type = 0;   ///< hash of the name of its type
    chunk_checksums sums;
  };

  void add_block(block_id block, segment memory);
  bool has_block(block_id block) const;
  /// The block's memory, if it is in memory.
  std::optional<segment> memory_of(block_id block) const;
  std::shared_ptr<const file_descriptor> disk_of(block_id block) const;
  void set_memory(block_id block, segment memory);
  /// Removes the block's memory from the table. Destroying the returned segment frees the memory, which may take a
  /// while.
  std::optional<segment> take_memory(block_id block);
  void set_disk(block_id block, std::shared_ptr<const file_descriptor> file);
  /// Removes the block and returns its memory and file. See take_memory.
  std::pair<std::optional<segment>, std::shared_ptr<const file_descriptor>> take_block(block_id block);

  void add(object_id object, place where);
  /// A copy, because the entry may be removed at any time.
  std::optional<place> find(object_id object) const;
  void remove(object_id object);
  std::vector<piece_of_block> objects_in(block_id block) const;

  /// Lets other nodes read the chunks of an object that is still arriving.
  void add_arriving(std::shared_ptr<chunked_object> object);
  void remove_arriving(object_id object);

  /// The object for other nodes; null if no part of it is here. Waits up to `longest_wait` for an object that is not
  /// here: the directory may have named this node as a source shortly before its pull begins.
  std::shared_ptr<chunked_object> served(object_id object, std::chrono::milliseconds longest_wait = {}) const;
  /// Ends all current and future waits of `served`.
  void stop_waiting();

private:
  struct block_entry {
    std::optional<segment> memory;
    std::shared_ptr<const file_descriptor> disk;
    std::unordered_set<object_id> objects;
  };
  struct object_entry {
    place where;
    mutable std::weak_ptr<chunked_object> served; ///< shared by all nodes that pull it
  };

  std::shared_ptr<chunked_object> served_now(object_id object) const;
  void stop_serving(const block_entry& block);

  mutable std::mutex mutex_;
  mutable std::condition_variable added_;
  bool stopped_ = false;
  std::unordered_map<block_id, block_entry> blocks_;
  std::unordered_map<object_id, object_entry> objects_;
  std::unordered_map<object_id, std::shared_ptr<chunked_object>> arriving_;
  /// Objects of several chunks that other nodes pull, the latest last: cached so that they are not created for each
  /// chunk.
  mutable std::deque<std::shared_ptr<chunked_object>> serving_;
};

} // namespace daskify::internal
