#pragma once

#include "daskify/protocol/messages.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace daskify::internal {

/// Subscriptions to the counts of tasks. A subscription ends when its tasks have ended, for which it has its own wait.
/// Not thread-safe.
template <class Listener>
class subscriptions {
public:
  /// The client, and the client's own number for the subscription.
  using key = std::pair<worker_id, std::uint64_t>;

  struct subscription {
    std::vector<run_range> tasks;
    Listener listener;
    waiter_id waiter; ///< for the end of the tasks
    bool changed = false;
  };

  void add(key id, subscription added) {
    for (const auto& r : added.tasks)
      if (auto& watching = watched_[r.run]; watching.empty() || watching.back() != id)
        watching.push_back(id);
    by_waiter_[added.waiter] = id;
    all_[id] = std::move(added);
  }

  /// Removes a subscription and returns it; nothing for an unknown one.
  std::optional<subscription> take(key id) {
    auto found = all_.extract(id);
    if (found.empty())
      return {};
    by_waiter_.erase(found.mapped().waiter);
    for (const auto& r : found.mapped().tasks)
      if (auto w = watched_.find(r.run); w != watched_.end()) {
        std::erase(w->second, id);
        if (w->second.empty())
          watched_.erase(w);
      }
    return std::move(found.mapped());
  }

  const subscription& at(key id) const { return all_.at(id); }

  /// The subscription whose end this waiter waits for.
  std::optional<key> ended_by(waiter_id waiter) const {
    auto found = by_waiter_.find(waiter);
    return found == by_waiter_.end() ? std::nullopt : std::optional{found->second};
  }

  /// The counts of the run have changed. Returns whether there is a subscription to it.
  bool changed(run_id run) {
    auto found = watched_.find(run);
    if (found == watched_.end())
      return false;
    for (auto id : found->second)
      all_.at(id).changed = true;
    return true;
  }
  /// The subscriptions that have changed since the last call.
  std::vector<key> take_changed() {
    std::vector<key> keys;
    for (auto& [id, s] : all_)
      if (std::exchange(s.changed, false))
        keys.push_back(id);
    return keys;
  }

  std::vector<key> of(worker_id client) const {
    std::vector<key> keys;
    for (const auto& [id, s] : all_)
      if (id.first == client)
        keys.push_back(id);
    return keys;
  }

private:
  std::map<key, subscription> all_;
  std::map<waiter_id, key> by_waiter_;
  std::unordered_map<run_id, std::vector<key>> watched_;
};

} // namespace daskify::internal
