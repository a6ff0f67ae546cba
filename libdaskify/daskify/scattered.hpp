#pragma once

/// A handle to a value that was put on the cluster once.

#include "daskify/bytes.hpp"
#include "daskify/code/type_label.hpp"
#include "daskify/codec.hpp"
#include "daskify/protocol/ids.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace daskify {

namespace internal {

class cluster_session;

/// One reference to an object; its destructor releases the reference in the store.
class object_handle {
public:
  virtual ~object_handle() = default;
  virtual object_id id() const = 0;
  virtual const std::string& key() const = 0;
  virtual std::uint64_t size() const = 0;
  virtual bool belongs_to(const cluster_session* session) const = 0;
};

/// Memory in the store for data that are filled in place.
class data_room {
public:
  virtual ~data_room() = default;
  /// Page-aligned (or empty).
  virtual std::span<std::byte> bytes() noexcept = 0;
};

/// Alignment of objects in memory, in bytes: a cache line, which is also sufficient for vector instructions.
inline constexpr std::size_t object_alignment = 64;

/// True for vectors whose bytes are their elements, and for strings: the store holds just these bytes, so that tasks
/// can view them without a copy. All other values are stored encoded.
template <class T>
inline constexpr bool is_plain_bytes = false;
template <class T, class A>
inline constexpr bool is_plain_bytes<std::vector<T, A>> = bitwise<T> && alignof(T) <= object_alignment;
template <class C, class Tr, class A>
inline constexpr bool is_plain_bytes<std::basic_string<C, Tr, A>> = true;
template <>
inline constexpr bool is_plain_bytes<std::vector<bool>> = false;

/// Calls `use` with the bytes of a value as they are stored.
template <class T, class Use>
auto with_store_bytes(const T& value, Use&& use) {
  if constexpr (is_plain_bytes<T>) {
    return use(std::as_bytes(std::span{value.data(), value.size()}));
  } else {
    byte_buffer encoded;
    encoder{encoded}.write(value);
    return use(std::span<const std::byte>{encoded});
  }
}

/// Requests large pages for memory that is about to be filled: they cause a fraction of the page faults.
void prefer_large_pages(const void* memory, std::size_t bytes) noexcept;

template <class T>
T from_store_bytes(std::span<const std::byte> bytes) {
  if constexpr (is_plain_bytes<T>) {
    const auto* first = reinterpret_cast<const typename T::value_type*>(bytes.data());
    auto count = bytes.size() / sizeof(typename T::value_type);
    T value;
    value.reserve(count);
    prefer_large_pages(value.data(), bytes.size());
    value.assign(first, first + count);
    return value;
  } else {
    return decode<T>(bytes);
  }
}

} // namespace internal

/// Shared memory for a std::vector<T>, to be filled in place and then scattered without a copy. Created by
/// daskified::new_data, consumed by daskified::scatter_data. Movable; not thread-safe, except for its elements.
template <class T>
class data_builder {
  static_assert(!std::is_const_v<T> && !std::is_volatile_v<T>,
                "daskify: the elements of new_data are there to be filled in, so they cannot be const (or volatile); "
                "leave the word out");
  static_assert(bitwise<std::remove_cv_t<T>>,
                "daskify: only numbers and plain classes of them, without padding, can be filled in place; "
                "scatter a container of anything else");
  static_assert(alignof(T) <= internal::object_alignment, "daskify: elements that are aligned to more than 64 bytes "
                                                          "cannot be filled in place; scatter a vector of them");

public:
  explicit data_builder(std::unique_ptr<internal::data_room> room) : room_{std::move(room)} {}

  /// The elements, initially zero; empty after they were scattered.
  std::span<T> values() noexcept {
    auto bytes = room_ ? room_->bytes() : std::span<std::byte>{};
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

  std::unique_ptr<internal::data_room> take_room() && { return std::move(room_); }

private:
  std::unique_ptr<internal::data_room> room_;
};

/// Read-only view of scattered elements, without a copy. The elements live as long as a view of them, also after the
/// data were released and the cluster was shut down. Copies share the elements; thread-safe.
template <class T>
class data_view {
public:
  using value_type = T;
  using const_iterator = const T*;

  explicit data_view(shared_bytes bytes) : bytes_{std::move(bytes)} {}

  std::span<const T> values() const& noexcept {
    return {reinterpret_cast<const T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }
  /// Rejected at compile time, because the elements would be freed with the temporary view.
  template <class Nobody = T>
  std::span<const T> values() const&& {
    static_assert(!std::is_same_v<Nobody, T>, "daskify: the elements go with the view, which is a temporary here; keep "
                                              "the view in a variable, or go over the view itself");
    return {};
  }
  operator std::span<const T>() const noexcept { return values(); } ///< of a temporary: as an argument of a call only
  const T* begin() const noexcept { return values().data(); }
  const T* end() const noexcept { return begin() + size(); }
  std::size_t size() const noexcept { return values().size(); }
  const T& operator[](std::size_t i) const& noexcept { return values()[i]; }
  T operator[](std::size_t i) const&& noexcept { return values()[i]; }

private:
  shared_bytes bytes_;
};

/// A handle to a scattered object; copies refer to the same object. The object is freed when no handle, no key and no
/// run refers to it any more. Thread-safe as a shared_ptr is.
template <class T>
class scattered {
public:
  using value_type = T;

  explicit scattered(std::shared_ptr<internal::object_handle> handle) : handle_{std::move(handle)} {}

  /// Empty if the value was scattered without a key.
  const std::string& key() const { return handle_->key(); }
  /// Size in the store in bytes.
  std::uint64_t size_bytes() const { return handle_->size(); }

  const std::shared_ptr<internal::object_handle>& handle() const { return handle_; }

private:
  std::shared_ptr<internal::object_handle> handle_;
};

} // namespace daskify
