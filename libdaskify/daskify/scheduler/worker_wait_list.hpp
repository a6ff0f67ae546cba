#pragma once

#include "daskify/protocol/ids.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

namespace daskify::internal {

/// The clients that wait until there are enough workers, with the promises of their answers. Not thread-safe.
template <class Promise>
class worker_wait_list {
public:
  struct wait {
    worker_id who; ///< the client; none: the one in the scheduler's process
    std::uint64_t count = 0;
    std::chrono::steady_clock::time_point until; ///< then the answer is "not yet"
    Promise promise;
  };

  void add(wait one) { all_.push_back(std::move(one)); }
  bool empty() const noexcept { return all_.empty(); }

  /// The most workers that a client waits for; 0: none waits.
  std::uint64_t largest() const {
    auto most = std::ranges::max_element(all_, {}, &wait::count);
    return most == all_.end() ? 0 : most->count;
  }

  /// Removes and returns the waits for which `is_over` holds; the others keep their order.
  template <class Predicate>
  std::vector<wait> take_if(Predicate is_over) {
    auto first = std::stable_partition(all_.begin(), all_.end(), [&](const wait& w) { return !is_over(w); });
    std::vector<wait> taken{std::make_move_iterator(first), std::make_move_iterator(all_.end())};
    all_.erase(first, all_.end());
    return taken;
  }

private:
  std::vector<wait> all_;
};

} // namespace daskify::internal
