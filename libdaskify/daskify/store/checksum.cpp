#include "daskify/store/checksum.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace daskify::internal {

std::uint64_t checksum_of(std::span<const std::byte> bytes) noexcept {
  return XXH3_64bits(bytes.data(), bytes.size());
}

chunk_checksums checksums_of_chunks(std::span<const std::byte> object) {
  chunk_hasher sums;
  sums.add(object);
  return sums.take();
}

struct chunk_hasher::state {
  XXH3_state_t xxh3;
};

chunk_hasher::chunk_hasher() = default;
chunk_hasher::~chunk_hasher() = default;

void chunk_hasher::add(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    auto piece = bytes.first(std::min<std::size_t>(bytes.size(), left_in_chunk()));
    bytes = bytes.subspan(piece.size());
    if (piece.size() == chunk_size) {
      sums_.push_back(checksum_of(piece));
      continue;
    }
    if (!state_)
      state_ = std::make_unique<state>();
    if (in_chunk_ == 0)
      XXH3_64bits_reset(&state_->xxh3);
    XXH3_64bits_update(&state_->xxh3, piece.data(), piece.size());
    in_chunk_ += piece.size();
    if (in_chunk_ == chunk_size) {
      sums_.push_back(XXH3_64bits_digest(&state_->xxh3));
      in_chunk_ = 0;
    }
  }
}

chunk_checksums chunk_hasher::take() {
  if (std::exchange(in_chunk_, 0) != 0)
    sums_.push_back(XXH3_64bits_digest(&state_->xxh3));
  return std::move(sums_);
}

std::uint64_t checksum_of_object(std::uint64_t size, const chunk_checksums& chunks) noexcept {
  return XXH3_64bits_withSeed(chunks.data(), chunks.size() * sizeof(chunk_checksums::value_type), size);
}

content_hash hash_of_content(std::span<const std::byte> bytes) noexcept {
  auto hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

} // namespace daskify::internal
