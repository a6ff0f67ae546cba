#include "daskify/store/checksum.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace daskify::internal {
namespace {

std::vector<std::byte> noise(std::size_t size) {
  std::mt19937 random{7};
  std::vector<std::byte> bytes(size);
  for (auto& b : bytes)
    b = static_cast<std::byte>(random());
  return bytes;
}

TEST(checksum, has_one_per_chunk_and_none_for_nothing) {
  EXPECT_EQ(chunks_of(0), 0u);
  EXPECT_EQ(chunks_of(1), 1u);
  EXPECT_EQ(chunks_of(chunk_size), 1u);
  EXPECT_EQ(chunks_of(chunk_size + 1), 2u);
  EXPECT_EQ(bytes_of_chunk(chunk_size + 1, 0), chunk_size);
  EXPECT_EQ(bytes_of_chunk(chunk_size + 1, 1), 1u);
  EXPECT_EQ(chunks_of(std::uint64_t{5} << 30), 5120u);
  EXPECT_TRUE(checksums_of_chunks({}).empty());
  EXPECT_EQ(checksums_of_chunks(noise(2 * chunk_size + 3)).size(), 3u);
}

TEST(checksum, does_not_depend_on_the_pieces_in_which_the_bytes_come) {
  auto bytes = noise(3 * chunk_size + 12'345);
  auto expected = checksums_of_chunks(bytes);
  std::mt19937 random{1};
  for (int round = 0; round < 5; ++round) {
    chunk_hasher pieces;
    for (std::span<const std::byte> left = bytes; !left.empty();) {
      auto size = std::min<std::size_t>(left.size(), random() % (round % 2 == 0 ? 2 * chunk_size : 5'000));
      pieces.add(left.first(size));
      left = left.subspan(size);
    }
    EXPECT_EQ(pieces.take(), expected);
  }
  EXPECT_EQ(expected[1], checksum_of(std::span{bytes}.subspan(chunk_size, chunk_size)));
}

TEST(checksum, finds_each_single_bit_that_changes) {
  auto bytes = noise(1'000);
  auto sums = checksums_of_chunks(bytes);
  auto whole = checksum_of_object(bytes.size(), sums);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += 13) {
    bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    EXPECT_NE(checksum_of_object(bytes.size(), checksums_of_chunks(bytes)), whole);
    bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
  }
  EXPECT_NE(checksum_of_object(bytes.size() + 1, sums), whole) << "of the same chunks, but another size";
}

TEST(content_hash, is_the_same_for_the_same_bytes_only) {
  auto bytes = noise(100'000);
  auto copy = bytes;
  EXPECT_EQ(hash_of_content(bytes), hash_of_content(copy));
  copy.back() ^= std::byte{1};
  EXPECT_NE(hash_of_content(bytes), hash_of_content(copy));
  EXPECT_NE(hash_of_content(std::span{bytes}.first(10)), hash_of_content(std::span{bytes}.first(11)));
}

} // namespace
} // namespace daskify::internal
