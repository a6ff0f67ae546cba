#pragma once

/// What a store holds, under which key, and when it may go: the decisions of a store actor, without the
/// actor.
///
/// An object lives as long as somebody holds a handle to it (a reference) or it has a key:
///
///     put ----> referenced, keyed <--retain/release--> only keyed
///                   | drop_key                            | drop_key
///                   v                                     v
///               only referenced ------last release------> freed
///
/// Each event either throws and changes nothing, or returns what it freed, with the payload, for the caller
/// to let go of. Not thread-safe.

#include "daskify/protocol/ids.hpp"

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace daskify::internal {

/// What a person wants to know about an object.
struct object_info {
  object_id object;
  std::string key;              ///< empty: can be reached by its handles only
  std::string type;             ///< name of the type it was stored as
  std::uint64_t size = 0;       ///< bytes
  std::uint64_t references = 0; ///< handles held

  friend bool operator==(const object_info&, const object_info&) = default;
};

/// What to do about a key that is in use.
enum class taken_key : std::uint8_t {
  refuse,
  replace ///< the older object loses the key, and lives on only as long as handles to it are held
};

/// `Payload` is the object itself as far as the store is concerned: movable, owning its bytes.
template <class Payload>
class store_core {
public:
  struct entry {
    object_info info;
    Payload payload;
  };
  using freed_objects = std::vector<entry>;

  /// Takes an object, which starts with `info.references` references; with neither a reference nor a key it
  /// is freed at once. Throws data_error: `key_taken` under `refuse`, `store_failed` for an id without
  /// meaning or in use.
  freed_objects put(object_info info, Payload payload, taken_key when_taken = taken_key::refuse);

  /// Throws data_error{unknown_object} for an id that is not (or no longer) there. The answer is valid until the
  /// next event that frees the object.
  const entry& find(object_id object) const { return locate(objects_, object)->second; }

  /// Throws data_error{unknown_key}, naming the keys that come close.
  const entry& find_by_key(std::string_view key) const { return find(locate(key)->second); }

  /// One more handle. Throws like `find`.
  void retain(object_id object) { ++locate(objects_, object)->second.info.references; }

  /// One handle less. Throws like `find`, and data_error{store_failed} when no handle is held.
  freed_objects release(object_id object);

  /// Forgets a key. Throws like `find_by_key`.
  freed_objects drop_key(std::string_view key);

  /// Everything that is held, by id.
  std::vector<object_info> list() const;

  /// Throws std::logic_error when keys, references and objects contradict each other.
  void check_invariants() const;

private:
  using objects = std::map<object_id, entry>;
  using keys = std::map<std::string, object_id, std::less<>>;

  template <class Objects>
  static auto locate(Objects& objects, object_id object) -> decltype(objects.begin());
  keys::const_iterator locate(std::string_view key) const;

  /// Frees the object unless something keeps it alive.
  freed_objects collect(objects::iterator object);

  objects objects_;
  keys keys_;
};

/// The errors of the store, apart from the templates that throw them.
[[noreturn]] void throw_unknown_object(object_id object);
[[noreturn]] void throw_unknown_key(std::string_view key, const std::vector<std::string_view>& known);
[[noreturn]] void throw_key_taken(std::string_view key);
[[noreturn]] void throw_bad_object_id(object_id object);
[[noreturn]] void throw_not_referenced(object_id object);

// -- implementation -----------------------------------------------------------------------------------------

template <class Payload>
auto store_core<Payload>::put(object_info info, Payload payload, taken_key when_taken) -> freed_objects {
  if (!info.object || objects_.contains(info.object))
    throw_bad_object_id(info.object);
  auto taken = info.key.empty() ? keys_.end() : keys_.find(info.key);
  if (taken != keys_.end() && when_taken == taken_key::refuse)
    throw_key_taken(info.key);

  freed_objects freed;
  if (taken != keys_.end())
    freed = drop_key(info.key);
  if (!info.key.empty())
    keys_.emplace(info.key, info.object);
  auto id = info.object;
  auto added = objects_.emplace(id, entry{std::move(info), std::move(payload)}).first;
  for (auto& unwanted : collect(added))
    freed.push_back(std::move(unwanted));
  return freed;
}

template <class Payload>
auto store_core<Payload>::release(object_id object) -> freed_objects {
  auto found = locate(objects_, object);
  if (found->second.info.references == 0)
    throw_not_referenced(object);
  --found->second.info.references;
  return collect(found);
}

template <class Payload>
auto store_core<Payload>::drop_key(std::string_view key) -> freed_objects {
  auto found = locate(key);
  auto object = locate(objects_, found->second);
  keys_.erase(found);
  object->second.info.key.clear();
  return collect(object);
}

template <class Payload>
std::vector<object_info> store_core<Payload>::list() const {
  std::vector<object_info> all;
  for (const auto& [id, held] : objects_)
    all.push_back(held.info);
  return all;
}

template <class Payload>
void store_core<Payload>::check_invariants() const {
  auto require = [](bool holds, const char* what) {
    if (!holds)
      throw std::logic_error{what};
  };
  std::size_t keyed = 0;
  for (const auto& [id, held] : objects_) {
    require(held.info.object == id, "an object is filed under another id");
    require(held.info.references != 0 || !held.info.key.empty(), "an object lives that nothing can reach");
    if (held.info.key.empty())
      continue;
    ++keyed;
    auto key = keys_.find(held.info.key);
    require(key != keys_.end() && key->second == id, "an object's key does not lead to it");
  }
  require(keyed == keys_.size(), "a key leads to no object");
}

template <class Payload>
template <class Objects>
auto store_core<Payload>::locate(Objects& objects, object_id object) -> decltype(objects.begin()) {
  auto found = objects.find(object);
  if (found == objects.end())
    throw_unknown_object(object);
  return found;
}

template <class Payload>
auto store_core<Payload>::locate(std::string_view key) const -> keys::const_iterator {
  auto found = keys_.find(key);
  if (found == keys_.end()) {
    std::vector<std::string_view> known;
    for (const auto& [name, id] : keys_)
      known.push_back(name);
    throw_unknown_key(key, known);
  }
  return found;
}

template <class Payload>
auto store_core<Payload>::collect(objects::iterator object) -> freed_objects {
  freed_objects freed;
  if (object->second.info.references == 0 && object->second.info.key.empty()) {
    freed.push_back(std::move(object->second));
    objects_.erase(object);
  }
  return freed;
}

} // namespace daskify::internal
