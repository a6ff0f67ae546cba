#pragma once

/// Decides which chunk of an object to request from which source next. Pure: no clock, no threads, no bytes.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace daskify::internal {

/// Each chunk is missing, requested from one source or two, or here. Missing chunks are requested in ascending order.
/// When none is left, an idle source is asked for the chunks that another source still owes, the last one first: thus
/// one slow source does not delay the end.
///
/// REQUIRES: chunks and sources exist; answers of a source refer to chunks that it was asked for and has not answered.
class pull_plan {
public:
  enum class source : std::size_t {};

  explicit pull_plan(std::uint64_t chunks) : chunks_(chunks, missing), unasked_{chunks}, not_here_{chunks} {}

  source add_source();

  /// The chunk to request from this source, in addition to those it owes already; nothing if there is none for it now.
  std::optional<std::uint64_t> next(source from);

  /// The chunk has arrived from any source. Other sources that were asked for it may still answer.
  void arrived(std::uint64_t chunk);
  void arrived(source from, std::uint64_t chunk);

  /// The source does not have the chunk yet, or sent a damaged one: other sources are preferred for it.
  void refused(source from, std::uint64_t chunk);

  /// The chunks that the source owes are missing again; it is not asked any more.
  void lost(source from);

  bool is_complete() const noexcept { return not_here_ == 0; }

  /// Whether there are chunks that no source was asked for: work for another source.
  bool has_unasked() const noexcept { return unasked_ != 0; }

private:
  enum chunk_state : std::uint8_t { missing, asked_once, asked_twice, here };

  struct source_state {
    std::vector<std::uint64_t> owed; ///< in the order of the requests
    std::set<std::uint64_t> refused;
    bool lost = false;
  };

  source_state& at(source which) { return sources_[static_cast<std::size_t>(which)]; }
  std::uint64_t ask(source_state& from, std::uint64_t chunk);
  void settle(source_state& from, std::uint64_t chunk);
  void take_back(std::uint64_t chunk);

  std::vector<chunk_state> chunks_;
  std::vector<source_state> sources_;
  std::uint64_t unasked_;           ///< number of missing chunks
  std::uint64_t not_here_;          ///< number of chunks that are missing or requested
  std::uint64_t first_missing_ = 0; ///< no chunk before this one is missing
};

} // namespace daskify::internal
