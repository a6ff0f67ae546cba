#pragma once

/// The two ends of the codec: encoder and decoder.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "daskify/bytes.hpp"
#include "daskify/codec/traits.hpp"
#include "daskify/error.hpp"

namespace daskify {

namespace internal {

/// How deep containers may nest in one value, so that bytes cannot exhaust the stack.
inline constexpr unsigned most_levels = 256;

[[noreturn]] inline void throw_truncated(std::size_t needed, std::size_t left) {
  throw data_error{error_code::truncated_bytes,
                   "A value cannot be decoded because it needs at least " + std::to_string(needed) +
                       " more bytes where " + std::to_string(left) +
                       " are left: check that the bytes are complete and of this very type."};
}

[[noreturn]] inline void throw_corrupt(std::string_view why) {
  throw data_error{error_code::corrupt_bytes,
                   "A value cannot be decoded because " + std::string{why} +
                       ": check that the bytes are undamaged and of this very type."};
}

[[noreturn]] inline void throw_not_encodable(std::string_view why) {
  throw data_error{error_code::corrupt_bytes,
                   "A value cannot be encoded because " + std::string{why} + ": pass another value."};
}

/// One level of nesting, for as long as it lives.
class nesting_level {
public:
  explicit nesting_level(unsigned& depth) noexcept : depth_{depth} { ++depth_; }
  nesting_level(const nesting_level&) = delete;
  nesting_level& operator=(const nesting_level&) = delete;
  ~nesting_level() { --depth_; }

private:
  unsigned& depth_;
};

} // namespace internal

/// Appends encoded values to a buffer, in the byte order of the machine: both ends are the same build of one
/// program. After an exception the buffer holds a part of the value. Not thread-safe.
class encoder {
public:
  /// `context` is for codecs that need more than the value; see `context()`.
  explicit encoder(byte_buffer& out, void* context = nullptr) noexcept : out_{out}, context_{context} {}

  /// Throws data_error when the value has no encoded form: a variant without a value, containers nested more
  /// than 256 deep.
  template <class T>
  void write(const T& value);

  /// Adds bytes as they are.
  void append(const void* source, std::size_t count) { out_.append(source, count); }

  /// Adds the number of elements that follow.
  void write_count(std::size_t count) {
    auto number = static_cast<std::uint64_t>(count);
    append(&number, sizeof number);
  }

  /// Counts one level of nesting until the answer is destroyed. Throws data_error when there are too many.
  [[nodiscard]] internal::nesting_level nest() {
    if (depth_ == internal::most_levels)
      internal::throw_not_encodable("it is nested more than " + std::to_string(internal::most_levels) +
                                    " deep");
    return internal::nesting_level{depth_};
  }

  void* context() const noexcept { return context_; }
  void set_context(void* context) noexcept { context_ = context; }

private:
  byte_buffer& out_;
  void* context_;
  unsigned depth_ = 0;
};

/// Reads encoded values from bytes that nobody vouches for: whatever they are, the outcome is a value or a
/// data_error (truncated_bytes, corrupt_bytes), and memory is reserved only for elements whose bytes are
/// there. The bytes must stay while the decoder is used. Not thread-safe.
class decoder {
public:
  /// `context` is for codecs that need more than the bytes; see `context()`.
  explicit decoder(std::span<const std::byte> bytes, void* context = nullptr) noexcept
      : bytes_{bytes}, context_{context} {}

  template <class T>
  T read();

  /// A view of the next `count` bytes, which are then behind.
  std::span<const std::byte> take(std::size_t count) {
    if (count > remaining())
      internal::throw_truncated(count, remaining());
    auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }

  /// A number of elements of at least `smallest` (> 0) bytes each, which fit in what remains.
  std::size_t read_count(std::size_t smallest) {
    auto count = read<std::uint64_t>();
    if (count > remaining() / smallest)
      internal::throw_truncated(remaining() + 1, remaining());
    return static_cast<std::size_t>(count);
  }

  /// Bytes not yet read.
  std::size_t remaining() const noexcept { return bytes_.size(); }

  /// Throws data_error when bytes are left over.
  void expect_end() const {
    if (remaining() != 0)
      internal::throw_corrupt(std::to_string(remaining()) + " bytes are left over");
  }

  /// Counts one level of nesting until the answer is destroyed. Throws data_error when there are too many.
  [[nodiscard]] internal::nesting_level nest() {
    if (depth_ == internal::most_levels)
      internal::throw_corrupt("it is nested more than " + std::to_string(internal::most_levels) + " deep");
    return internal::nesting_level{depth_};
  }

  void* context() const noexcept { return context_; }
  void set_context(void* context) noexcept { context_ = context; }

private:
  std::span<const std::byte> bytes_;
  void* context_;
  unsigned depth_ = 0;
};

namespace internal {

/// `encoder::write` for a type that is known to travel, or a C array of such.
template <class T>
void put(encoder& out, const T& value) {
  if constexpr (layout_of<T>().bitwise)
    out.append(&value, sizeof value);
  else
    codec<T>::write(out, value);
}

/// `decoder::read` for a type that is known to travel.
template <class T>
T get(decoder& in) {
  if constexpr (layout_of<T>().bitwise) {
    std::array<std::byte, sizeof(T)> copy;
    std::memcpy(copy.data(), in.take(sizeof(T)).data(), sizeof(T));
    return std::bit_cast<T>(copy);
  } else {
    return codec<T>::read(in);
  }
}

/// Reads into a value that is there already, which may be a C array.
template <class T>
void get_into(decoder& in, T& value) {
  if constexpr (layout_of<T>().bitwise) {
    std::memcpy(&value, in.take(sizeof value).data(), sizeof value);
  } else if constexpr (std::is_array_v<T>) {
    for (auto& element : value)
      get_into(in, element);
  } else {
    value = get<T>(in);
  }
}

/// An element of a container; one whose type takes no bytes gets a mark of one byte.
template <class T>
void put_element(encoder& out, const T& value) {
  if constexpr (layout_of<T>().smallest == 0)
    put(out, std::byte{0});
  put(out, value);
}

template <class T>
T get_element(decoder& in) {
  if constexpr (layout_of<T>().smallest == 0)
    if (get<std::byte>(in) != std::byte{0})
      throw_corrupt("the mark before an empty element is not 0");
  return get<T>(in);
}

} // namespace internal

template <class T>
void encoder::write(const T& value) {
  if constexpr (travels<T>)
    internal::put(*this, value);
  else
    static_cast<void>(sizeof(internal::type_that_cannot_travel<typename internal::culprit<T>::type>));
}

template <class T>
T decoder::read() {
  if constexpr (travels<T>)
    return internal::get<T>(*this);
  else
    static_cast<void>(sizeof(internal::type_that_cannot_travel<typename internal::culprit<T>::type>));
}

} // namespace daskify
