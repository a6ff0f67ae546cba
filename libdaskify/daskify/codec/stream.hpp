#pragma once

/// Streams of values: encoder and decoder.

#include "daskify/bytes.hpp"
#include "daskify/codec/traits.hpp"
#include "daskify/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>

namespace daskify {

namespace internal {

/// Limit of both sides on nested containers, so that received bytes cannot exhaust the stack.
inline constexpr int most_levels = 256;

template <class T>
struct type_that_cannot_travel {
  static_assert(!std::is_same_v<T, T>,
                "daskify: this type cannot travel to another process (see type_that_cannot_travel<...> for "
                "which); send values instead of pointers, references and views, and give a class of your own "
                "an inspect(f, x)");
};

/// Counts one level of containers during its lifetime. A value can contain other values of its own type only in a
/// container.
template <class T>
class nesting_level {
public:
  template <class Stream>
  nesting_level(const Stream& stream, int& depth) : depth_{depth} {
    if (is_container && depth == most_levels)
      stream.refuse("containers are nested more than 256 deep");
    depth_ += is_container;
  }
  ~nesting_level() { depth_ -= is_container; }
  nesting_level(const nesting_level&) = delete;
  nesting_level& operator=(const nesting_level&) = delete;

private:
  static constexpr bool is_container = requires { requires codec<T>::is_container; };

  int& depth_;
};

} // namespace internal

/// Appends encoded values to a buffer.
class encoder {
public:
  /// `out` must outlive the encoder. `context` is for codecs that depend on their context.
  explicit encoder(byte_buffer& out, void* context = nullptr) noexcept : out_{out}, context_{context} {}

  /// Throws data_error for the few values that cannot be encoded: a valueless variant (valueless_by_exception), or
  /// containers nested more than 256 deep.
  template <class T>
  void write(const T& value) {
    if constexpr (travels<T>) {
      internal::nesting_level<T> level{*this, depth_};
      codec<T>::write(*this, value);
    } else {
      static_cast<void>(internal::type_that_cannot_travel<internal::culprit<T>>{});
    }
  }

  /// Adds raw bytes.
  void append(const void* bytes, std::size_t count) { out_.append(bytes, count); }

  byte_buffer& buffer() noexcept { return out_; }

  void* context() const noexcept { return context_; }
  void set_context(void* context) noexcept { context_ = context; }

  /// Throws the data_error for a value that has no encoded form.
  [[noreturn]] void refuse(const char* why) const;

private:
  byte_buffer& out_;
  void* context_;
  int depth_ = 0;
};

/// Reads what an encoder wrote, in the same order.
class decoder {
public:
  /// `bytes` must outlive the decoder.
  explicit decoder(std::span<const std::byte> bytes, void* context = nullptr) noexcept
      : rest_{bytes},
        size_{bytes.size()},
        context_{context} {}

  /// Throws data_error if the bytes are not a valid encoding of a T.
  template <class T>
  T read() {
    using value = std::remove_const_t<T>;
    if constexpr (travels<value>) {
      internal::nesting_level<value> level{*this, depth_};
      return codec<value>::read(*this);
    } else {
      static_cast<void>(internal::type_that_cannot_travel<internal::culprit<T>>{});
      refuse("its type cannot travel");
    }
  }

  /// The next `count` bytes, without a copy. Throws data_error (`truncated_bytes`) if there are fewer.
  std::span<const std::byte> take(std::size_t count) {
    if (count > rest_.size())
      refuse_truncated(count, 1);
    auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  /// Copies the next `count` bytes to `target`.
  void copy_to(void* target, std::size_t count) {
    auto bytes = take(count);
    if (count != 0)
      std::memcpy(target, bytes.data(), count);
  }

  /// Reads the number of elements that follow, each at least `element_size` (> 0) bytes long, and checks that the
  /// remaining bytes can hold them, so that a caller may allocate memory in proportion to the count.
  std::size_t read_count(std::size_t element_size) {
    std::uint64_t count;
    copy_to(&count, sizeof count);
    if (count > rest_.size() / element_size)
      refuse_truncated(count, element_size);
    return count;
  }

  std::size_t remaining() const noexcept { return rest_.size(); }

  /// Throws data_error (`corrupt_bytes`) if bytes are left.
  void expect_end() const {
    if (!rest_.empty())
      refuse("bytes are left after the value");
  }

  void* context() const noexcept { return context_; }
  void set_context(void* context) noexcept { context_ = context; }

  /// Throws the data_error for bytes that are not the encoding of any value.
  [[noreturn]] void refuse(const char* why) const;

private:
  [[noreturn]] void refuse_truncated(std::uint64_t count, std::size_t element_size) const;
  std::string where() const;

  std::span<const std::byte> rest_;
  std::size_t size_;
  void* context_;
  int depth_ = 0;
};

} // namespace daskify
