#pragma once

/// A run in a worker: the function with its arguments, ready to be called for any task.

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

/// Bytes of a scattered object, kept at their address during the lifetime of this object.
using object_bytes = shared_bytes;

/// The store of the node, as used by programs. Thread-safe.
class object_space {
public:
  object_space();
  virtual ~object_space();

  /// The object's bytes, mapped read-only; a type of 0 matches any type. Throws data_error if the object was freed or
  /// has another type.
  virtual object_bytes find(object_id object, std::uint64_t type) = 0;

  /// Puts a value of this type into the store. Throws data_error if there is no room.
  virtual object_id put(const type_label& type, std::span<const std::byte> bytes) = 0;

  /// The decoded object, decoded once per process and kept until the object is freed.
  template <class T, class Decode>
  std::shared_ptr<const T> decoded(object_id object, Decode&& decode) {
    decoded_slot slot{*this, object, label_of<T>().hash};
    if (!slot.value())
      slot.value() = std::shared_ptr<const T>{new T(decode())}; // constructed in place: may be too large for the stack
    return std::static_pointer_cast<const T>(slot.value());
  }

  /// User-defined values. The last owner destroys them, which runs user code.
  struct decoded_value;

  /// Removes and returns the decoded object; null if there is none.
  std::shared_ptr<decoded_value> take_decoded(object_id object);

private:
  /// The slot that caches the value of an object as one type. Locked during its lifetime, because user code runs
  /// meanwhile.
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

/// Inputs for the creation of a program, in addition to its description.
struct program_inputs {
  object_space& objects;
  const std::vector<result_block>& futures; ///< results of the runs whose futures are arguments
};

/// Results are stored contiguously in a block if their encodings all have the same size, and are small enough to be
/// sent.
template <class R>
inline constexpr bool has_fixed_layout = fixed_encoded_size<R>.value_or(SIZE_MAX) <= tuning::largest_inline_value;

/// Collects the results of consecutive tasks into a block. Large results are put into the store instead.
class result_sink {
public:
  result_sink(object_space& store, std::uint64_t first) : store_{&store}, first_{first} {}

  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t bytes() const noexcept { return values_.size() + offsets_.size() * sizeof(std::uint64_t); }

  /// Adds the result of the next task. If it throws, a value may be half-written, which `threw` removes.
  template <class R>
  void value(const R& result) {
    if constexpr (has_fixed_layout<R>) {
      encoder{values_}.template write<R>(result);
    } else {
      offsets_.push_back(values_.size());
      if (!put_if_plain(result)) {
        encoder{values_}.template write<R>(result);
        auto encoded = std::span<const std::byte>{values_}.subspan(offsets_.back());
        // Plain bytes that are just small enough are sent with the block, also if their length in front exceeds the
        // limit.
        if (encoded.size() > tuning::largest_inline_value && !is_plain_bytes<R>) {
          put(label_of<R>(), encoded);
          values_.resize(offsets_.back());
        }
      }
    }
    ++count_;
  }
  void no_value() { ++count_; }

  /// The next task threw the exception being handled. `value_size`: bytes of a result of the run if all have the same
  /// size.
  void threw(block_layout layout, std::uint64_t value_size);
  /// The next `count` tasks failed with `why`.
  void failed(std::uint64_t count, failure why, block_layout layout, std::uint64_t value_size);

  /// Returns the block so far; the sink continues with the following task.
  result_block take(block_layout layout, std::uint64_t value_size);

private:
  /// Vectors of numbers and strings are stored without being encoded first.
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
  bool store_refused_ = false; ///< the result of the next task could not be stored
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

/// The type of the function that run_spec::program refers to.
using program_factory = std::unique_ptr<task_program>(decoder& description, program_inputs& inputs);

} // namespace daskify::internal
