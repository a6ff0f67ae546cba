#pragma once

/// Byte buffers: one that is being written, and an immutable one with shared ownership.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace daskify {

/// Bytes that are appended at the end. New bytes are uninitialised, because they are about to be written. Running out
/// of memory throws std::bad_alloc and changes nothing. Not thread-safe.
class byte_buffer {
public:
  byte_buffer() = default;

  /// `size` uninitialised bytes.
  explicit byte_buffer(std::size_t size) { extend(size); }

  byte_buffer(byte_buffer&& other) noexcept
      : data_{std::move(other.data_)},
        size_{std::exchange(other.size_, 0)},
        capacity_{std::exchange(other.capacity_, 0)} {}

  byte_buffer& operator=(byte_buffer&& other) noexcept {
    if (this != &other) {
      data_ = std::move(other.data_);
      size_ = std::exchange(other.size_, 0);
      capacity_ = std::exchange(other.capacity_, 0);
    }
    return *this;
  }

  std::byte* data() noexcept { return data_.get(); }
  const std::byte* data() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  bool empty() const noexcept { return size_ == 0; }

  operator std::span<const std::byte>() const noexcept { return {data(), size_}; }

  /// Makes room for `capacity` bytes in total; never shrinks.
  void reserve(std::size_t capacity) {
    if (capacity > capacity_)
      reallocate(capacity);
  }

  /// Adds `count` uninitialised bytes and returns their address, which is valid until the next growth.
  std::byte* extend(std::size_t count) {
    if (count > capacity_ - size_)
      grow(count);
    auto* tail = data_.get() + size_;
    size_ += count;
    return tail;
  }

  /// Adds a copy of the `count` bytes at `source`, which must not lie in this buffer.
  void append(const void* source, std::size_t count) {
    if (count != 0)
      std::memcpy(extend(count), source, count);
  }

  /// Removes bytes from the end, or adds uninitialised ones.
  void resize(std::size_t size) {
    if (size > size_)
      extend(size - size_);
    else
      size_ = size;
  }

  /// Removes all bytes and keeps the capacity.
  void clear() noexcept { size_ = 0; }

private:
  struct free_memory {
    void operator()(std::byte* memory) const noexcept { std::free(memory); }
  };

  void grow(std::size_t count) {
    if (count > static_cast<std::size_t>(PTRDIFF_MAX) - size_)
      throw std::bad_alloc{};
    auto needed = size_ + count;
    auto doubled = capacity_ * 2;
    reallocate(needed > doubled ? needed : doubled);
  }

  void reallocate(std::size_t capacity) {
    auto* memory = static_cast<std::byte*>(std::realloc(data_.get(), capacity));
    if (memory == nullptr)
      throw std::bad_alloc{};
    static_cast<void>(data_.release()); // realloc has freed it, or returned the same address
    data_.reset(memory);
    capacity_ = capacity;
  }

  std::unique_ptr<std::byte, free_memory> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// Immutable bytes with shared ownership: copies and slices cost a reference count. Thread-safe as a std::shared_ptr
/// is.
class shared_bytes {
public:
  shared_bytes() = default;

  /// Takes over the buffer's memory without a copy.
  explicit shared_bytes(byte_buffer&& buffer);

  /// `bytes` must stay valid and unchanged as long as `owner` lives.
  shared_bytes(std::shared_ptr<const void> owner, std::span<const std::byte> bytes) noexcept
      : owner_{std::move(owner)},
        view_{bytes} {}

  shared_bytes(const shared_bytes&) = default;
  shared_bytes& operator=(const shared_bytes&) = default;

  shared_bytes(shared_bytes&& other) noexcept
      : owner_{std::move(other.owner_)},
        view_{std::exchange(other.view_, {})} {}

  shared_bytes& operator=(shared_bytes&& other) noexcept {
    owner_ = std::move(other.owner_);
    view_ = std::exchange(other.view_, {});
    return *this;
  }

  const std::byte* data() const noexcept { return view_.data(); }
  std::size_t size() const noexcept { return view_.size(); }
  bool empty() const noexcept { return view_.empty(); }

  std::span<const std::byte> view() const noexcept { return view_; }
  operator std::span<const std::byte>() const noexcept { return view_; }

  /// `count` bytes from `offset` on, sharing the memory. Throws std::out_of_range if they exceed size().
  shared_bytes slice(std::size_t offset, std::size_t count) const;

private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> view_;
};

} // namespace daskify
