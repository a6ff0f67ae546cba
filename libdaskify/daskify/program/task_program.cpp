#include "daskify/program/task_program.hpp"

#include "daskify/code/type_label.hpp"
#include "daskify/protocol/failure.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <unordered_map>

namespace daskify::internal {

struct object_space::decoded_value {
  std::mutex mutex;                                             // held while user code runs: must guard nothing else
  std::map<std::uint64_t, std::shared_ptr<const void>> by_type; ///< by hash of the type; usually one type
};

struct object_space::decoded_values {
  std::mutex mutex;
  std::unordered_map<object_id, std::shared_ptr<decoded_value>> by_object;
};

object_space::object_space() : decoded_{std::make_unique<decoded_values>()} {}
object_space::~object_space() = default;

std::shared_ptr<object_space::decoded_value> object_space::take_decoded(object_id object) {
  std::lock_guard guard{decoded_->mutex};
  auto node = decoded_->by_object.extract(object);
  return node.empty() ? nullptr : std::move(node.mapped());
}

object_space::decoded_slot::decoded_slot(object_space& space, object_id object, std::uint64_t type) {
  {
    std::lock_guard guard{space.decoded_->mutex};
    auto& known = space.decoded_->by_object[object];
    if (!known)
      known = std::make_shared<decoded_value>();
    object_ = known;
  }
  object_->mutex.lock();
  try {
    value_ = &object_->by_type[type];
  } catch (...) {
    object_->mutex.unlock();
    throw;
  }
}

object_space::decoded_slot::~decoded_slot() {
  object_->mutex.unlock();
}

void result_sink::put(const type_label& type, std::span<const std::byte> bytes) {
  try {
    stored_.push_back({first_ + count_, store_->put(type, bytes), bytes.size()});
  } catch (...) {
    store_refused_ = true;
    throw;
  }
}

void result_sink::undo_half_written(block_layout layout, std::uint64_t value_size) {
  // The exception may have come from encoding the result, with some of its bytes written already.
  if (layout == block_layout::fixed)
    values_.resize(std::min<std::size_t>(values_.size(), count_ * value_size));
  else if (offsets_.size() > count_) {
    values_.resize(offsets_.back());
    offsets_.pop_back();
  }
}

void result_sink::threw(block_layout layout, std::uint64_t value_size) {
  auto why = describe_current_exception();
  if (std::exchange(store_refused_, false)) {
    why.has_run = true;
    why.text = "its result could not be stored: " + why.text;
  }
  failed(1, std::move(why), layout, value_size);
}

void result_sink::failed(std::uint64_t count, failure why, block_layout layout, std::uint64_t value_size) {
  undo_half_written(layout, value_size);
  if (layout == block_layout::fixed) {
    // A failed task keeps its place in the block, so that the other values are found by their index.
    if (auto size = count * value_size; size != 0)
      std::memset(values_.extend(size), 0, size);
  } else {
    offsets_.insert(offsets_.end(), count, values_.size());
  }
  why.first = first_ + count_;
  why.count = count;
  failures_.push_back(std::move(why));
  count_ += count;
}

result_block result_sink::take(block_layout layout, std::uint64_t value_size) {
  result_block block;
  block.first = first_;
  block.count = count_;
  block.layout = layout;
  if (layout == block_layout::fixed) {
    block.value_size = value_size;
  } else {
    offsets_.push_back(values_.size());
    byte_buffer offsets;
    offsets.append(offsets_.data(), offsets_.size() * sizeof(std::uint64_t));
    block.offsets = shared_bytes{std::move(offsets)};
  }
  block.values = shared_bytes{std::move(values_)};
  block.failures = std::move(failures_);
  block.stored = std::move(stored_);
  *this = result_sink{*store_, first_ + count_};
  return block;
}

} // namespace daskify::internal
