#pragma once

/// Which chunk of an object is asked of which source next. Pure: no clock, no threads, no bytes.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace daskify::internal {

/// Each chunk is missing, asked of one source or two, or here. Missing chunks are asked in ascending order. When none
/// is left, a source that has nothing else to do is asked for what another one still owes, the last of it first: so one
/// slow source does not hold up the end.
///
/// REQUIRES: chunks and sources that exist, and of a source only what it was asked and has not answered.
class pull_plan {
public:
  enum class source : std::size_t {};

  explicit pull_plan(std::uint64_t chunks) : chunks_(chunks, missing), unasked_{chunks}, not_here_{chunks} {}

  source add_source();

  /// The chunk to ask this source for, in addition to what it owes already; nothing when there is none for it now.
  std::optional<std::uint64_t> next(source from);

  /// The chunk is here, whoever has sent it. Others that were asked for it may still answer.
  void arrived(std::uint64_t chunk);
  void arrived(source from, std::uint64_t chunk);

  /// The source cannot give the chunk now, or gave a damaged one: others come first for it.
  void refused(source from, std::uint64_t chunk);

  /// What the source owes is missing again; it is not asked any more.
  void lost(source from);

  bool is_complete() const noexcept { return not_here_ == 0; }

  /// Whether there are chunks that nobody was asked for: work for another source.
  bool has_unasked() const noexcept { return unasked_ != 0; }

private:
  enum chunk_state : std::uint8_t { missing, asked_once, asked_twice, here };

  struct source_state {
    std::vector<std::uint64_t> owed; ///< in the order in which it was asked
    std::set<std::uint64_t> refused;
    bool lost = false;
  };

  source_state& at(source which) { return sources_[static_cast<std::size_t>(which)]; }
  std::uint64_t ask(source_state& from, std::uint64_t chunk);
  void settle(source_state& from, std::uint64_t chunk);
  void take_back(std::uint64_t chunk);

  std::vector<chunk_state> chunks_;
  std::vector<source_state> sources_;
  std::uint64_t unasked_;           ///< how many are missing
  std::uint64_t not_here_;          ///< how many are missing or asked
  std::uint64_t first_missing_ = 0; ///< none is missing before this one
};

} // namespace daskify::internal
