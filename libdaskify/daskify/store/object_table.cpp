#include "daskify/store/object_table.hpp"

#include "daskify/os/file_descriptor.hpp"

namespace daskify::internal {

namespace {

/// Number of objects kept ready for nodes that pull them; each takes 8 bytes per MiB of its size.
constexpr std::size_t most_served = 32;

} // namespace

void object_table::add_block(block_id block, segment memory) {
  std::lock_guard guard{mutex_};
  blocks_[block].memory = std::move(memory);
}

bool object_table::has_block(block_id block) const {
  std::lock_guard guard{mutex_};
  return blocks_.contains(block);
}

std::optional<segment> object_table::memory_of(block_id block) const {
  std::lock_guard guard{mutex_};
  auto found = blocks_.find(block);
  return found == blocks_.end() ? std::nullopt : found->second.memory;
}

std::shared_ptr<const file_descriptor> object_table::disk_of(block_id block) const {
  std::lock_guard guard{mutex_};
  auto found = blocks_.find(block);
  return found == blocks_.end() ? nullptr : found->second.disk;
}

std::optional<segment> object_table::take_memory(block_id block) {
  std::lock_guard guard{mutex_};
  auto found = blocks_.find(block);
  if (found == blocks_.end())
    return std::nullopt;
  stop_serving(found->second); // a served object would keep the memory allocated
  return std::exchange(found->second.memory, std::nullopt);
}

void object_table::set_memory(block_id block, segment memory) {
  std::lock_guard guard{mutex_};
  if (auto found = blocks_.find(block); found != blocks_.end())
    found->second.memory = std::move(memory);
}

void object_table::set_disk(block_id block, std::shared_ptr<const file_descriptor> file) {
  std::lock_guard guard{mutex_};
  if (auto found = blocks_.find(block); found != blocks_.end())
    found->second.disk = std::move(file);
}

std::pair<std::optional<segment>, std::shared_ptr<const file_descriptor>> object_table::take_block(block_id block) {
  std::lock_guard guard{mutex_};
  auto node = blocks_.extract(block);
  if (node.empty())
    return {};
  stop_serving(node.mapped());
  return {std::move(node.mapped().memory), std::move(node.mapped().disk)};
}

void object_table::add(object_id object, place where) {
  std::lock_guard guard{mutex_};
  blocks_[where.block].objects.insert(object);
  objects_[object] = {std::move(where), {}};
}

auto object_table::find(object_id object) const -> std::optional<place> {
  std::lock_guard guard{mutex_};
  auto found = objects_.find(object);
  return found == objects_.end() ? std::nullopt : std::optional{found->second.where};
}

void object_table::remove(object_id object) {
  std::lock_guard guard{mutex_};
  auto found = objects_.find(object);
  if (found == objects_.end())
    return;
  if (auto served = found->second.served.lock())
    served->close();
  std::erase_if(serving_, [&](const auto& served) { return served->id() == object; });
  if (auto in = blocks_.find(found->second.where.block); in != blocks_.end())
    in->second.objects.erase(object);
  objects_.erase(found);
}

std::vector<piece_of_block> object_table::objects_in(block_id block) const {
  std::lock_guard guard{mutex_};
  std::vector<piece_of_block> pieces;
  if (auto in = blocks_.find(block); in != blocks_.end())
    for (auto object : in->second.objects) {
      const auto& where = objects_.at(object).where;
      pieces.push_back({where.offset, where.size, where.sums});
    }
  return pieces;
}

void object_table::add_arriving(std::shared_ptr<chunked_object> object) {
  std::lock_guard guard{mutex_};
  auto id = object->id();
  arriving_[id] = std::move(object);
  added_.notify_all();
}

void object_table::remove_arriving(object_id object) {
  std::lock_guard guard{mutex_};
  arriving_.erase(object);
}

std::shared_ptr<chunked_object> object_table::served(object_id object, std::chrono::milliseconds longest_wait) const {
  std::unique_lock lock{mutex_};
  std::shared_ptr<chunked_object> found;
  added_.wait_for(lock, longest_wait, [&] { return (found = served_now(object)) || stopped_; });
  return found;
}

void object_table::stop_waiting() {
  std::lock_guard guard{mutex_};
  stopped_ = true;
  added_.notify_all();
}

/// REQUIRES: the lock is held.
std::shared_ptr<chunked_object> object_table::served_now(object_id object) const {
  if (auto found = arriving_.find(object); found != arriving_.end())
    return found->second;
  auto found = objects_.find(object);
  if (found == objects_.end())
    return nullptr;
  const auto& entry = found->second;
  auto served = entry.served.lock();
  if (!served) {
    // Also from disk, without loading it into memory: the receiver checks the bytes.
    const auto& in = blocks_.at(entry.where.block);
    served = std::make_shared<chunked_object>(object, in.memory ? in.memory->file() : in.disk, entry.where.offset,
                                              entry.where.size, entry.where.sums);
    entry.served = served;
    if (served->chunks() > 1)
      serving_.push_back(served);
    if (serving_.size() > most_served)
      serving_.pop_front();
  }
  return served;
}

/// Later requests create the served objects anew. REQUIRES: the lock is held.
void object_table::stop_serving(const block_entry& block) {
  std::erase_if(serving_, [&](const auto& served) { return block.objects.contains(served->id()); });
}

} // namespace daskify::internal
