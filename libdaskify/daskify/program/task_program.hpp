#pragma once

/// A run as it lies in a worker: the function with its arguments, ready to be called for any task.

#include "daskify/codec.hpp"
#include "daskify/program/task_context.hpp"
#include "daskify/protocol/result_block.hpp"

#include <memory>
#include <mutex>
#include <typeinfo>
#include <unordered_map>

namespace daskify::internal {

/// Bytes of a scattered object, kept where they are as long as this lives.
using object_bytes = shared_bytes;

/// Where a program finds scattered objects. Thread-safe.
class object_source {
public:
  virtual ~object_source() = default;

  /// The object's bytes, mapped read-only. Throws data_error when the store does not have it (any more), or has it as
  /// another type than the one with this hash.
  virtual object_bytes find(object_id object, std::uint64_t type) = 0;

  /// The object as a value, decoded once per process and kept until the object is freed.
  template <class T, class Decode>
  std::shared_ptr<const T> decoded(object_id object, Decode&& decode) {
    std::lock_guard guard{mutex_};
    auto& kept = decoded_[object];
    if (!kept)
      kept = std::make_shared<const T>(decode());
    return std::static_pointer_cast<const T>(kept);
  }

  void drop_decoded(object_id object) {
    std::lock_guard guard{mutex_};
    decoded_.erase(object);
  }

private:
  std::mutex mutex_;
  std::unordered_map<object_id, std::shared_ptr<const void>> decoded_;
};

/// What a program is made from, beside its description.
struct program_inputs {
  object_source& objects;
  const std::vector<result_block>& futures; ///< results of the runs whose futures are arguments
};

/// Collects the results of consecutive tasks into a block.
class result_sink {
public:
  explicit result_sink(std::uint64_t first = 0) : first_{first} {}

  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t bytes() const noexcept { return values_.size() + offsets_.size() * sizeof(std::uint64_t); }

  /// The result of the next task.
  template <class R>
  void value(const R& result) {
    if constexpr (!fixed_encoded_size<R>)
      offsets_.push_back(values_.size());
    auto before = values_.size();
    encoder{values_}.template write<R>(result);
    require_room(values_.size() - before);
    ++count_;
  }
  void no_value() { ++count_; }

  /// The next task threw what is being handled now. `value_size`: of the run's results when all have the same.
  void threw(block_layout layout, std::uint64_t value_size);
  /// The next `count` tasks fail like this.
  void failed(std::uint64_t count, failure why, block_layout layout, std::uint64_t value_size);

  /// The block so far; the sink goes on with the task behind it.
  result_block take(block_layout layout, std::uint64_t value_size);

private:
  /// Throws data_error(no_room) for a value that is too large for a message.
  static void require_room(std::size_t value_bytes);
  void undo_half_written(block_layout layout, std::uint64_t value_size);

  std::uint64_t first_;
  std::uint64_t count_ = 0;
  byte_buffer values_;
  std::vector<std::uint64_t> offsets_;
  std::vector<failure> failures_;
};

/// Type-erased run. Immutable: several threads may execute it at the same time.
class task_program {
public:
  virtual ~task_program() = default;

  /// Runs the tasks [first, first + count) one after the other; exceptions of the function become failures in `sink`.
  virtual void execute(std::uint64_t first, std::uint64_t count, result_sink& sink, task_context& context) const = 0;

  virtual block_layout layout() const noexcept = 0;
  virtual std::uint64_t value_size() const noexcept = 0;
};

/// How run_spec::program is to be called.
using program_factory = std::unique_ptr<task_program>(decoder& description, program_inputs& inputs);

/// Describes the exception being handled: its type, demangled, and its what().
failure describe_current_exception();

} // namespace daskify::internal
