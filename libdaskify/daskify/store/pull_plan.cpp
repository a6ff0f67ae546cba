#include "daskify/store/pull_plan.hpp"

#include <algorithm>

namespace daskify::internal {

pull_plan::source pull_plan::add_source() {
  sources_.emplace_back();
  return source{sources_.size() - 1};
}

std::optional<std::uint64_t> pull_plan::next(source from) {
  auto& asked = at(from);
  if (asked.lost)
    return std::nullopt;
  if (unasked_ != 0) {
    while (chunks_[first_missing_] != missing)
      ++first_missing_;
    for (auto chunk = first_missing_; chunk < chunks_.size(); ++chunk)
      if (chunks_[chunk] == missing && !asked.refused.contains(chunk))
        return ask(asked, chunk);
  }
  if (!asked.owed.empty())
    return std::nullopt;
  if (unasked_ != 0) { // all missing chunks were refused by this source, which may have them by now
    asked.refused.clear();
    return ask(asked, first_missing_);
  }
  for (const auto& other : sources_) {
    auto once = [this](auto chunk) { return chunks_[chunk] == asked_once; };
    if (auto last = std::find_if(other.owed.rbegin(), other.owed.rend(), once); last != other.owed.rend())
      return ask(asked, *last);
  }
  return std::nullopt;
}

void pull_plan::arrived(std::uint64_t chunk) {
  auto& state = chunks_[chunk];
  if (state == here)
    return;
  if (state == missing)
    --unasked_;
  --not_here_;
  state = here;
}

void pull_plan::arrived(source from, std::uint64_t chunk) {
  arrived(chunk);
  settle(at(from), chunk);
}

void pull_plan::refused(source from, std::uint64_t chunk) {
  settle(at(from), chunk);
  take_back(chunk);
  at(from).refused.insert(chunk);
}

void pull_plan::lost(source from) {
  auto& gone = at(from);
  for (auto chunk : gone.owed)
    take_back(chunk);
  gone = {};
  gone.lost = true;
}

std::uint64_t pull_plan::ask(source_state& from, std::uint64_t chunk) {
  auto& state = chunks_[chunk];
  if (state == missing)
    --unasked_;
  state = state == missing ? asked_once : asked_twice;
  from.owed.push_back(chunk);
  return chunk;
}

void pull_plan::settle(source_state& from, std::uint64_t chunk) {
  from.owed.erase(std::find(from.owed.begin(), from.owed.end(), chunk));
}

/// One source fewer has been asked for the chunk.
void pull_plan::take_back(std::uint64_t chunk) {
  auto& state = chunks_[chunk];
  if (state == asked_twice) {
    state = asked_once;
  } else if (state == asked_once) {
    state = missing;
    ++unasked_;
    first_missing_ = std::min(first_missing_, chunk);
  }
}

} // namespace daskify::internal
