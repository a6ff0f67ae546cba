#pragma once

#include "daskify/protocol/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>

namespace daskify::internal {

/// Runs in the order in which they are served; each at most once. Each operation takes at most O(log n).
class run_queue {
public:
  bool empty() const noexcept { return runs_.empty(); }
  std::size_t size() const noexcept { return runs_.size(); }
  bool contains(run_id run) const { return places_.contains(run); }

  /// REQUIRES: it is not empty.
  run_id front() const { return runs_.begin()->second; }

  /// A run that is already in the queue keeps its place.
  void push_front(run_id run) { insert(run, runs_.empty() ? 0 : runs_.begin()->first - 1); }
  void push_back(run_id run) { insert(run, runs_.empty() ? 0 : runs_.rbegin()->first + 1); }

  void erase(run_id run) {
    if (auto node = places_.extract(run); !node.empty())
      runs_.erase(node.mapped());
  }

  void move_to_back(run_id run) {
    erase(run);
    push_back(run);
  }

private:
  void insert(run_id run, std::int64_t place) {
    if (places_.try_emplace(run, place).second)
      runs_.emplace(place, run);
  }

  std::map<std::int64_t, run_id> runs_;
  std::unordered_map<run_id, std::int64_t> places_;
};

} // namespace daskify::internal
