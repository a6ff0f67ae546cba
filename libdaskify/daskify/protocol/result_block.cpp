#include "daskify/protocol/result_block.hpp"

#include <algorithm>
#include <cstring>

namespace daskify::internal {

namespace {

constexpr std::uint64_t offset_size = sizeof(std::uint64_t);

std::uint64_t offset_at(const result_block& block, std::uint64_t i) {
  std::uint64_t offset = 0;
  std::memcpy(&offset, block.offsets.data() + i * offset_size, offset_size);
  return offset;
}

bool values_fit(const result_block& block) {
  if (block.layout == block_layout::fixed) {
    if (!block.offsets.empty())
      return false;
    // A block in which every task failed needs no values.
    if (block.values.empty() && (block.value_size == 0 || !block.failures.empty()))
      return true;
    return block.value_size != 0 && block.values.size() / block.value_size == block.count &&
           block.values.size() % block.value_size == 0;
  }
  if (block.layout != block_layout::variable || block.offsets.size() / offset_size != block.count + 1 ||
      block.offsets.size() % offset_size != 0)
    return false;
  for (std::uint64_t i = 0; i < block.count; ++i)
    if (offset_at(block, i) > offset_at(block, i + 1))
      return false;
  return offset_at(block, block.count) - offset_at(block, 0) == block.values.size();
}

bool failures_fit(const result_block& block) {
  auto next = block.first;
  for (const auto& f : block.failures) {
    if (f.first < next || f.count == 0 || f.first - block.first >= block.count ||
        f.count > block.count - (f.first - block.first))
      return false;
    next = f.first + f.count;
  }
  if (block.layout != block_layout::fixed || block.value_size == 0 || !block.values.empty())
    return true;
  // No values at all: every task has to be covered by a failure.
  std::uint64_t covered = 0;
  for (const auto& f : block.failures)
    covered += f.count;
  return covered == block.count;
}

bool stored_values_fit(const result_block& block) {
  auto next = block.first;
  for (const auto& s : block.stored) {
    if (s.task < next || s.task - block.first >= block.count || !s.object)
      return false;
    next = s.task + 1;
  }
  return block.stored.empty() || block.layout == block_layout::variable;
}

} // namespace

bool well_formed(const result_block& block) {
  return block.first + block.count >= block.first && block.count < UINT64_MAX / offset_size && values_fit(block) &&
         failures_fit(block) && stored_values_fit(block);
}

result_block slice(const result_block& block, std::uint64_t first, std::uint64_t count) {
  if (first == block.first && count == block.count)
    return block;
  auto skip = first - block.first;
  result_block part;
  part.run = block.run;
  part.first = first;
  part.count = count;
  part.layout = block.layout;
  part.value_size = block.value_size;
  if (block.layout == block_layout::variable) {
    part.offsets = block.offsets.slice(skip * offset_size, (count + 1) * offset_size);
    auto begin = offset_at(block, skip) - offset_at(block, 0);
    auto end = offset_at(block, skip + count) - offset_at(block, 0);
    part.values = block.values.slice(begin, end - begin);
  } else if (!block.values.empty()) {
    part.values = block.values.slice(skip * block.value_size, count * block.value_size);
  }
  for (auto f : block.failures) {
    auto begin = std::max(f.first, first);
    auto end = std::min(f.first + f.count, first + count);
    if (begin >= end)
      continue;
    f.first = begin;
    f.count = end - begin;
    part.failures.push_back(std::move(f));
  }
  for (const auto& s : block.stored)
    if (s.task >= first && s.task - first < count)
      part.stored.push_back(s);
  return part;
}

std::span<const std::byte> value_of(const result_block& block, std::uint64_t task) {
  auto i = task - block.first;
  if (block.layout == block_layout::fixed)
    return block.values.view().subspan(i * block.value_size, block.value_size);
  auto base = offset_at(block, 0);
  auto begin = offset_at(block, i) - base;
  return block.values.view().subspan(begin, offset_at(block, i + 1) - base - begin);
}

const failure* failure_of(const result_block& block, std::uint64_t task) {
  auto after = std::upper_bound(block.failures.begin(), block.failures.end(), task,
                                [](std::uint64_t t, const failure& f) { return t < f.first; });
  if (after == block.failures.begin())
    return nullptr;
  const auto& f = *std::prev(after);
  return task - f.first < f.count ? &f : nullptr;
}

const stored_value* stored_value_of(const result_block& block, std::uint64_t task) {
  auto at = std::lower_bound(block.stored.begin(), block.stored.end(), task,
                             [](const stored_value& s, std::uint64_t t) { return s.task < t; });
  return at != block.stored.end() && at->task == task ? &*at : nullptr;
}

std::vector<object_id> objects_of(const result_block& block) {
  std::vector<object_id> objects;
  for (const auto& s : block.stored)
    objects.push_back(s.object);
  return objects;
}

result_block failed_block(run_id run, failure why) {
  result_block block;
  block.run = run;
  block.first = why.first;
  block.count = why.count;
  block.failures.push_back(std::move(why));
  return block;
}

std::uint64_t weight(const result_block& block) {
  return block.offsets.size() + block.values.size() + 200 * block.failures.size() + 24 * block.stored.size() + 64;
}

} // namespace daskify::internal
