#pragma once

/// A run as it lies in a worker: the function with its arguments, ready to be called for any task.

#include "daskify/code/type_label.hpp"
#include "daskify/codec.hpp"
#include "daskify/defaults.hpp"
#include "daskify/program/task_context.hpp"
#include "daskify/protocol/result_block.hpp"
#include "daskify/scattered.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// Bytes of a scattered object, kept where they are as long as this lives.
using object_bytes = shared_bytes;

/// The store of the node, for programs. Thread-safe.
class object_space {
public:
  object_space();
  virtual ~object_space();

  /// The object's bytes, mapped read-only; a type of 0 is any. Throws data_error when the object is gone, or of another
  /// type.
  virtual object_bytes find(object_id object, std::uint64_t type) = 0;

  /// Puts a value of this type. Throws data_error when there is no room.
  virtual object_id put(const type_label& type, std::span<const std::byte> bytes) = 0;

  /// The object as a value, decoded once per process and kept until the object is freed.
  template <class T, class Decode>
  std::shared_ptr<const T> decoded(object_id object, Decode&& decode) {
    decoded_slot slot{*this, object, label_of<T>().hash};
    if (!slot.value())
      slot.value() = std::shared_ptr<const T>{new T(decode())}; // made in its place: it may be too large for the stack
    return std::static_pointer_cast<const T>(slot.value());
  }

  /// Values of the user's. Their last owner destroys them, which takes as long as the user's code does.
  struct decoded_value;

  /// Forgets the decoded object; null when there is none.
  std::shared_ptr<decoded_value> take_decoded(object_id object);

private:
  /// Where the value of an object as one type is kept. Locked while this lives, because user code runs meanwhile.
  class decoded_slot {
  public:
    decoded_slot(object_space& space, object_id object, std::uint64_t type);
    ~decoded_slot();
    decoded_slot(const decoded_slot&) = delete;
    decoded_slot& operator=(const decoded_slot&) = delete;

    std::shared_ptr<const void>& value() { return *value_; }

  private:
    std::shared_ptr<decoded_value> object_;
    std::shared_ptr<const void>* value_;
  };
  struct decoded_values;

  std::unique_ptr<decoded_values> decoded_;
};

/// What a program is made from, beside its description.
struct program_inputs {
  object_space& objects;
  const std::vector<result_block>& futures; ///< results of the runs whose futures are arguments
};

/// Results whose encodings have all the same size, and are small enough to travel, lie in a block one after the other.
template <class R>
inline constexpr bool has_fixed_layout = fixed_encoded_size<R>.value_or(SIZE_MAX) <= tuning::largest_inline_value;

/// Collects the results of consecutive tasks into a block. Large ones go into the store instead.
class result_sink {
public:
  result_sink(object_space& store, std::uint64_t first) : store_{&store}, first_{first} {}

  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t bytes() const noexcept { return values_.size() + offsets_.size() * sizeof(std::uint64_t); }

  /// The result of the next task. What it throws leaves a half-written value, which `threw` takes back.
  template <class R>
  void value(const R& result) {
    if constexpr (has_fixed_layout<R>) {
      encoder{values_}.template write<R>(result);
    } else {
      offsets_.push_back(values_.size());
      if (!put_if_plain(result)) {
        encoder{values_}.template write<R>(result);
        auto encoded = std::span<const std::byte>{values_}.subspan(offsets_.back());
        // Plain bytes that are just small enough to travel do so, also with the length in front of them.
        if (encoded.size() > tuning::largest_inline_value && !is_plain_bytes<R>) {
          put(label_of<R>(), encoded);
          values_.resize(offsets_.back());
        }
      }
    }
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
  /// Vectors of numbers and strings need not be encoded first.
  template <class R>
  bool put_if_plain(const R& result) {
    if constexpr (is_plain_bytes<R>) {
      auto bytes = std::as_bytes(std::span{result.data(), result.size()});
      if (bytes.size() > tuning::largest_inline_value) {
        put(label_of<R>(), bytes);
        return true;
      }
    }
    return false;
  }
  void put(const type_label& type, std::span<const std::byte> bytes);
  void undo_half_written(block_layout layout, std::uint64_t value_size);

  object_space* store_;
  std::uint64_t first_;
  std::uint64_t count_ = 0;
  byte_buffer values_;
  std::vector<std::uint64_t> offsets_;
  std::vector<failure> failures_;
  std::vector<stored_value> stored_;
  bool store_refused_ = false; ///< the result of the next task
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

} // namespace daskify::internal
