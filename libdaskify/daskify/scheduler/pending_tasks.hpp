#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace daskify::internal {

/// Which workers may take a pending task.
enum class piece_kind : std::uint8_t {
  fresh,       ///< any worker
  interrupted, ///< a worker with more time left than the previous one, which ended during the task
  quarantined  ///< a worker that has nothing else, because the task may kill
};

/// Consecutive pending tasks that have the same history.
struct piece {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  std::uint64_t largest = 0; ///< most tasks of a lease of this piece, because one of them may kill; 0: any number
  std::size_t deaths = 0;    ///< workers that died while this task was all they had
  std::size_t shared = 0;    ///< workers that died while they had this task, alone in its lease, and other leases
  std::size_t infrastructure_losses = 0; ///< workers that had begun the task and ended through no fault of tasks
  std::size_t outlived = 0;              ///< of these, workers that had given the task their whole walltime
  std::uint64_t ran_ns = 0; ///< the task takes longer than this, as one of these workers showed; 0: unknown

  bool quarantined() const noexcept { return largest != 0; }
  piece_kind kind() const noexcept {
    if (quarantined())
      return piece_kind::quarantined;
    return ran_ns != 0 ? piece_kind::interrupted : piece_kind::fresh;
  }
  std::uint64_t end() const noexcept { return first + count; }

  /// The tasks [from, to) of this piece.
  piece part(std::uint64_t from, std::uint64_t to) const {
    auto p = *this;
    p.first = from;
    p.count = to - from;
    return p;
  }
};

/// The pending tasks of one run, in pieces that do not overlap. The pieces of one kind are taken in the order of their
/// indices. Each operation takes O(log(pieces)), and O(1) for each piece that it returns or drops.
class pending_tasks {
public:
  void add(const piece& tasks) {
    if (tasks.count != 0)
      of(tasks.kind()).emplace(tasks.first, tasks);
  }

  /// Removes the tasks [first, last), where they are pending. Returns how many were.
  std::uint64_t drop(std::uint64_t first, std::uint64_t last) {
    std::uint64_t dropped = 0;
    for (auto& some : pieces_)
      dropped += drop_from(some, first, last);
    return dropped;
  }

  bool any(piece_kind kind) const noexcept { return !of(kind).empty(); }

  /// REQUIRES: any(kind).
  const piece& first(piece_kind kind) const { return of(kind).begin()->second; }

  /// Removes the first `count` tasks of the first piece. REQUIRES: the piece has `count` tasks.
  piece take(piece_kind kind, std::uint64_t count) {
    auto& pieces = of(kind);
    auto node = pieces.extract(pieces.begin());
    auto taken = node.mapped().part(node.mapped().first, node.mapped().first + count);
    if (count != node.mapped().count) {
      node.mapped() = node.mapped().part(taken.end(), node.mapped().end());
      node.key() = taken.end();
      pieces.insert(std::move(node));
    }
    return taken;
  }

  std::vector<piece> all() const {
    std::vector<piece> pieces;
    for (const auto& some : pieces_)
      for (const auto& [first, p] : some)
        pieces.push_back(p);
    return pieces;
  }

private:
  using piece_map = std::map<std::uint64_t, piece>;

  piece_map& of(piece_kind kind) { return pieces_[static_cast<std::size_t>(kind)]; }
  const piece_map& of(piece_kind kind) const { return pieces_[static_cast<std::size_t>(kind)]; }

  static std::uint64_t drop_from(piece_map& pieces, std::uint64_t first, std::uint64_t last) {
    std::uint64_t dropped = 0;
    auto i = pieces.upper_bound(first);
    if (i != pieces.begin())
      --i; // the piece before may reach into the range
    while (i != pieces.end() && i->first < last) {
      auto p = i->second;
      auto begin = std::max(first, p.first);
      auto end = std::min(last, p.end());
      if (begin >= end) {
        ++i;
        continue;
      }
      dropped += end - begin;
      i = pieces.erase(i);
      if (p.first < begin)
        pieces.emplace_hint(i, p.first, p.part(p.first, begin));
      if (end < p.end())
        pieces.emplace_hint(i, end, p.part(end, p.end()));
    }
    return dropped;
  }

  std::array<piece_map, 3> pieces_; ///< by kind
};

} // namespace daskify::internal
