#pragma once

/// Where the objects and blocks of this node are. Written by the store actor, read by the threads of its transfer.
/// Thread-safe.

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
  /// An object that is here.
  struct place {
    block_id block;
    std::uint64_t offset = 0; ///< in the block
    std::uint64_t size = 0;   ///< bytes
    std::uint64_t type = 0;   ///< hash of the name of its type
    chunk_checksums sums;
  };

  void add_block(block_id block, segment memory);
  bool has_block(block_id block) const;
  /// The block's memory; nothing when it is not in memory.
  std::optional<segment> memory_of(block_id block) const;
  std::shared_ptr<const file_descriptor> disk_of(block_id block) const;
  void set_memory(block_id block, segment memory);
  /// It is in memory no more. What is returned may take a while to be destroyed, as it frees the memory.
  std::optional<segment> take_memory(block_id block);
  void set_disk(block_id block, std::shared_ptr<const file_descriptor> file);
  /// All that a block has: as above.
  std::pair<std::optional<segment>, std::shared_ptr<const file_descriptor>> take_block(block_id block);

  void add(object_id object, place where);
  /// Copied, as it may go at any time.
  std::optional<place> find(object_id object) const;
  void remove(object_id object);
  std::vector<piece_of_block> objects_in(block_id block) const;

  /// What other nodes may have of an object meanwhile.
  void add_arriving(std::shared_ptr<chunked_object> object);
  void remove_arriving(object_id object);

  /// The object for other nodes; null when nothing of it is here. Waits a little for one that is not: the directory may
  /// have told them of a pull that this node is only about to begin.
  std::shared_ptr<chunked_object> served(object_id object, std::chrono::milliseconds longest_wait = {}) const;
  /// Nobody waits any more.
  void stop_waiting();

private:
  struct block_entry {
    std::optional<segment> memory;
    std::shared_ptr<const file_descriptor> disk;
    std::unordered_set<object_id> objects;
  };
  struct object_entry {
    place where;
    mutable std::weak_ptr<chunked_object> served; ///< as long as somebody pulls it
  };

  std::shared_ptr<chunked_object> served_now(object_id object) const;
  void stop_serving(const block_entry& block);

  mutable std::mutex mutex_;
  mutable std::condition_variable added_;
  bool stopped_ = false;
  std::unordered_map<block_id, block_entry> blocks_;
  std::unordered_map<object_id, object_entry> objects_;
  std::unordered_map<object_id, std::shared_ptr<chunked_object>> arriving_;
  /// Objects of several chunks that others pull, the latest last: made once, and not again for each chunk.
  mutable std::deque<std::shared_ptr<chunked_object>> serving_;
};

} // namespace daskify::internal
