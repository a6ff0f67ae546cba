#pragma once

/// A handle to a value that was put on the cluster once.

#include "daskify/codec.hpp"
#include "daskify/protocol/ids.hpp"

#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace daskify {

namespace internal {

class cluster_session;

/// One reference to an object; tells the store when it goes.
class object_handle {
public:
  virtual ~object_handle() = default;
  virtual object_id id() const = 0;
  virtual const std::string& key() const = 0;
  virtual std::uint64_t size() const = 0;
  virtual bool belongs_to(const cluster_session* session) const = 0;
};

/// Vectors whose bytes are their elements, and strings, lie in the store as just these bytes, so that tasks can look at
/// them without a copy; anything else lies there encoded.
template <class T>
inline constexpr bool is_plain_bytes = false;
template <class T, class A>
inline constexpr bool is_plain_bytes<std::vector<T, A>> = bitwise<T>;
template <class C, class Tr, class A>
inline constexpr bool is_plain_bytes<std::basic_string<C, Tr, A>> = true;
template <>
inline constexpr bool is_plain_bytes<std::vector<bool>> = false;

/// The same for the same type in every process of one build.
std::uint64_t hash_of_type(const char* name);

} // namespace internal

/// Copies refer to the same object. It is freed when no handle, no key and no run refers to it any more.
/// Thread-safe as a shared_ptr is.
template <class T>
class scattered {
public:
  using value_type = T;

  explicit scattered(std::shared_ptr<internal::object_handle> handle) : handle_{std::move(handle)} {}

  /// Empty when it was scattered without one.
  const std::string& key() const { return handle_->key(); }
  /// Bytes in the store.
  std::uint64_t size_bytes() const { return handle_->size(); }

  const std::shared_ptr<internal::object_handle>& handle() const { return handle_; }

private:
  std::shared_ptr<internal::object_handle> handle_;
};

} // namespace daskify
