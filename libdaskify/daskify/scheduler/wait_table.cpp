#include "daskify/scheduler/wait_table.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace daskify::internal {

void wait_table::add(waiter_id waiter, const std::vector<run_range>& tasks, std::uint64_t missing) {
  auto& record = waiters_[waiter];
  record.missing = missing;
  for (const auto& r : tasks) {
    if (r.count == 0)
      continue;
    by_run_[r.run].push_back({waiter, r.first, r.count});
    record.runs.push_back(r.run);
  }
  std::ranges::sort(record.runs);
  record.runs.erase(std::unique(record.runs.begin(), record.runs.end()), record.runs.end());
}

void wait_table::stop(waiter_id waiter) {
  if (auto stopped = waiters_.extract(waiter); !stopped.empty())
    remove(waiter, stopped.mapped().runs);
}

void wait_table::remove(waiter_id waiter, const std::vector<run_id>& runs) {
  for (auto run : runs) {
    auto waits = by_run_.find(run);
    if (waits == by_run_.end())
      continue;
    std::erase_if(waits->second, [&](const wait& w) { return w.waiter == waiter; });
    if (waits->second.empty())
      by_run_.erase(waits);
  }
}

std::vector<waiter_id> wait_table::ended(const run_range& tasks) {
  std::vector<waiter_id> done;
  auto found = by_run_.find(tasks.run);
  if (found == by_run_.end())
    return done;
  for (const auto& w : found->second) {
    auto begin = std::max(tasks.first, w.first);
    auto end = std::min(tasks.first + tasks.count, w.first + w.count);
    auto& missing = waiters_.at(w.waiter).missing;
    if (begin >= end || missing == 0)
      continue;
    missing -= std::min(missing, end - begin);
    if (missing == 0)
      done.push_back(w.waiter);
  }
  if (done.empty())
    return done;
  // All waits at once, because a thousand may be for the same task.
  std::erase_if(found->second, [&](const wait& w) { return waiters_.at(w.waiter).missing == 0; });
  if (found->second.empty())
    by_run_.erase(found);
  for (auto waiter : done) {
    auto over = waiters_.extract(waiter);
    std::erase(over.mapped().runs, tasks.run);
    remove(waiter, over.mapped().runs);
  }
  return done;
}

void wait_table::check_invariants() const {
  for (const auto& [run, waits] : by_run_)
    for (const auto& w : waits) {
      auto known = waiters_.find(w.waiter);
      if (known == waiters_.end() || known->second.missing == 0 || !std::ranges::binary_search(known->second.runs, run))
        throw std::logic_error{"a wait has no waiter"};
    }
}

} // namespace daskify::internal
