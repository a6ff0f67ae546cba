#include "daskify/store/chunked_object.hpp"

#include "daskify/error.hpp"
#include "daskify/os/file_descriptor.hpp"

#include <algorithm>
#include <fcntl.h>
#include <future>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

using namespace daskify;
using namespace daskify::internal;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t mib = chunk_size;

std::vector<std::byte> sample(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::byte>(i % 251);
  return bytes;
}

std::shared_ptr<file_descriptor> new_file(unsigned flags = 0) {
  return std::make_shared<file_descriptor>(::memfd_create("test", MFD_CLOEXEC | flags));
}

std::span<const std::byte> chunk_of(const std::vector<std::byte>& object, std::uint64_t chunk) {
  return std::span{object}.subspan(chunk * mib, bytes_of_chunk(object.size(), chunk));
}

std::vector<std::byte> content(const chunked_object& object, std::uint64_t chunk) {
  std::vector<std::byte> bytes(bytes_of_chunk(object.size(), chunk));
  auto count = ::pread(object.file(), bytes.data(), bytes.size(), static_cast<off_t>(object.offset_of(chunk)));
  EXPECT_EQ(count, static_cast<ssize_t>(bytes.size()));
  return bytes;
}

/// An object of three chunks, and one that arrives from it.
struct fixture {
  std::vector<std::byte> bytes = sample(2 * mib + 77);
  chunk_checksums sums = checksums_of_chunks(bytes);
  std::uint64_t checksum = checksum_of_object(bytes.size(), sums);
  chunked_object arriving{{1}, new_file(), bytes.size(), checksum};
};

error_code code_of(auto&& f) {
  try {
    f();
  } catch (const data_error& e) {
    EXPECT_GT(std::string{e.what()}.size(), 20u);
    return e.code();
  }
  return error_code::none;
}

} // namespace

TEST(chunked_object, that_is_whole_has_every_chunk_where_its_file_has_it) {
  auto bytes = sample(mib + 5);
  auto file = new_file();
  ASSERT_EQ(::pwrite(file->get(), bytes.data(), bytes.size(), 4096), static_cast<ssize_t>(bytes.size()));
  chunked_object whole{{7}, file, 4096, bytes.size(), checksums_of_chunks(bytes)};
  EXPECT_EQ(whole.id(), object_id{7});
  EXPECT_EQ(whole.checksum(), checksum_of_object(bytes.size(), checksums_of_chunks(bytes)));
  EXPECT_TRUE(whole.is_whole());
  EXPECT_TRUE(whole.has(0) && whole.has(1));
  EXPECT_TRUE(std::ranges::equal(content(whole, 1), chunk_of(bytes, 1)));
}

TEST(chunked_object, becomes_whole_with_its_last_chunk_in_any_order) {
  fixture f;
  EXPECT_EQ(f.arriving.sums(), nullptr);
  EXPECT_TRUE(f.arriving.learn_sums(f.sums));
  for (std::uint64_t chunk : {2, 0, 1}) {
    EXPECT_FALSE(f.arriving.is_whole());
    EXPECT_FALSE(f.arriving.has(chunk));
    EXPECT_TRUE(f.arriving.write(chunk, chunk_of(f.bytes, chunk)));
    EXPECT_TRUE(f.arriving.has(chunk));
  }
  EXPECT_TRUE(f.arriving.is_whole());
  for (std::uint64_t chunk = 0; chunk < 3; ++chunk)
    EXPECT_TRUE(std::ranges::equal(content(f.arriving, chunk), chunk_of(f.bytes, chunk)));
}

TEST(chunked_object, takes_only_sums_that_fit_its_checksum) {
  fixture f;
  auto wrong = f.sums;
  wrong[1] ^= 1;
  EXPECT_FALSE(f.arriving.learn_sums(wrong));
  wrong = f.sums;
  wrong.pop_back();
  EXPECT_FALSE(f.arriving.learn_sums(wrong));
  EXPECT_FALSE(f.arriving.learn_sums({}));
  EXPECT_EQ(f.arriving.sums(), nullptr);
  EXPECT_TRUE(f.arriving.learn_sums(f.sums));
  EXPECT_TRUE(f.arriving.learn_sums(f.sums));
  EXPECT_EQ(*f.arriving.sums(), f.sums);
}

TEST(chunked_object, takes_no_bytes_that_do_not_fit_their_sum) {
  fixture f;
  EXPECT_FALSE(f.arriving.write(0, chunk_of(f.bytes, 0))) << "the sums are not known yet";
  f.arriving.learn_sums(f.sums);
  EXPECT_FALSE(f.arriving.write(1, chunk_of(f.bytes, 0)));
  EXPECT_FALSE(f.arriving.write(2, chunk_of(f.bytes, 2).first(76)));
  EXPECT_FALSE(f.arriving.write(0, {}));
  auto damaged = f.bytes;
  damaged[mib / 2] ^= std::byte{1};
  EXPECT_FALSE(f.arriving.write(0, chunk_of(damaged, 0)));
  EXPECT_FALSE(f.arriving.has(0));
}

TEST(chunked_object, does_not_write_a_chunk_again) {
  fixture f;
  f.arriving.learn_sums(f.sums);
  f.arriving.write(0, chunk_of(f.bytes, 0));
  char mark = 'x';
  ASSERT_EQ(::pwrite(f.arriving.file(), &mark, 1, 0), 1);
  EXPECT_TRUE(f.arriving.write(0, chunk_of(f.bytes, 0)));
  EXPECT_EQ(content(f.arriving, 0)[0], std::byte{'x'});
}

TEST(chunked_object, of_one_chunk_needs_no_sums) {
  auto bytes = sample(1000);
  auto sums = checksums_of_chunks(bytes);
  chunked_object arriving{{1}, new_file(), bytes.size(), checksum_of_object(bytes.size(), sums)};
  EXPECT_FALSE(arriving.write(0, sample(999)));
  auto damaged = bytes;
  damaged[3] ^= std::byte{4};
  EXPECT_FALSE(arriving.write(0, damaged));
  EXPECT_TRUE(arriving.write(0, bytes));
  EXPECT_EQ(*arriving.sums(), sums);
  EXPECT_TRUE(arriving.is_whole());
}

TEST(chunked_object, in_memory_gives_its_bytes_away) {
  auto bytes = sample(mib);
  chunked_object arriving{{1}, bytes.size(), checksum_of_object(bytes.size(), checksums_of_chunks(bytes))};
  EXPECT_EQ(arriving.file(), -1);
  EXPECT_TRUE(arriving.write(0, bytes));
  EXPECT_TRUE(arriving.write(0, bytes));
  auto taken = arriving.take_bytes();
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), taken.data(), taken.data() + taken.size()));
}

TEST(chunked_object, of_no_bytes_is_whole_at_once) {
  chunked_object empty{{1}, 0, checksum_of_object(0, {})};
  EXPECT_TRUE(empty.is_whole());
  EXPECT_TRUE(empty.take_bytes().empty());
}

TEST(chunked_object, wakes_those_who_wait_for_a_chunk_or_for_the_sums) {
  fixture f;
  auto reader = std::async(std::launch::async, [&] { return f.arriving.wait_for(1, 20s); });
  auto asker = std::async(std::launch::async, [&] { return f.arriving.wait_for_sums(20s); });
  f.arriving.learn_sums(f.sums);
  EXPECT_EQ(asker.get(), f.arriving.sums());
  EXPECT_FALSE(f.arriving.wait_for(1, 1ms));
  f.arriving.write(1, chunk_of(f.bytes, 1));
  EXPECT_TRUE(reader.get());
}

TEST(chunked_object, does_not_let_wait_for_what_will_not_come) {
  for (auto end : {&chunked_object::fail, &chunked_object::close}) {
    fixture f;
    auto reader = std::async(std::launch::async, [&] { return f.arriving.wait_for(1, 1h); });
    auto asker = std::async(std::launch::async, [&] { return f.arriving.wait_for_sums(1h); });
    (f.arriving.*end)();
    EXPECT_FALSE(reader.get());
    EXPECT_EQ(asker.get(), nullptr);
  }
  fixture f;
  std::stop_source stop;
  auto reader = std::async(std::launch::async, [&] { return f.arriving.wait_for(1, 1h, stop.get_token()); });
  stop.request_stop();
  EXPECT_FALSE(reader.get());
}

TEST(chunked_object, that_has_failed_takes_nothing_more_and_keeps_what_it_has) {
  fixture f;
  f.arriving.learn_sums(f.sums);
  f.arriving.write(0, chunk_of(f.bytes, 0));
  f.arriving.fail();
  EXPECT_TRUE(f.arriving.is_failed());
  EXPECT_TRUE(f.arriving.wait_for(0, 1h));
  EXPECT_EQ(code_of([&] { f.arriving.write(1, chunk_of(f.bytes, 1)); }), error_code::store_failed);
  EXPECT_FALSE(f.arriving.has(1));
}

TEST(chunked_object, says_when_its_file_cannot_be_written) {
  auto bytes = sample(10);
  auto sealed = new_file(MFD_ALLOW_SEALING);
  ASSERT_EQ(::fcntl(sealed->get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
  chunked_object arriving{{1}, sealed, bytes.size(), checksum_of_object(bytes.size(), checksums_of_chunks(bytes))};
  EXPECT_EQ(code_of([&] { arriving.write(0, bytes); }), error_code::store_failed);
  EXPECT_FALSE(arriving.has(0));
}

TEST(chunked_object, may_have_more_than_4_gib) {
  constexpr std::uint64_t size = 5 * 1024 * mib + 123;
  auto zeros = std::vector<std::byte>(mib);
  auto last = sample(123);
  chunk_checksums sums(chunks_of(size), checksum_of(zeros));
  ASSERT_EQ(sums.size(), 5121u);
  sums.back() = checksum_of(last);
  chunked_object arriving{{1}, new_file(), size, checksum_of_object(size, sums)};
  ASSERT_TRUE(arriving.learn_sums(sums));
  EXPECT_TRUE(arriving.write(5120, last));
  EXPECT_TRUE(arriving.write(4096, zeros));
  EXPECT_EQ(arriving.offset_of(5120), 5120 * mib);
  EXPECT_EQ(content(arriving, 5120), last);
  EXPECT_TRUE(arriving.has(5120) && arriving.has(4096) && !arriving.has(0));
  EXPECT_EQ(::lseek(arriving.file(), 0, SEEK_END), static_cast<off_t>(size));
}

TEST(chunked_object, is_written_and_read_by_many_threads) {
  fixture f;
  f.arriving.learn_sums(f.sums);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (std::uint64_t chunk = 0; chunk < 3; ++chunk)
        EXPECT_TRUE(f.arriving.write(chunk, chunk_of(f.bytes, chunk)));
    });
  for (std::uint64_t chunk = 0; chunk < 3; ++chunk) {
    EXPECT_TRUE(f.arriving.wait_for(chunk, 20s));
    EXPECT_TRUE(std::ranges::equal(content(f.arriving, chunk), chunk_of(f.bytes, chunk)));
  }
  for (auto& thread : threads)
    thread.join();
  EXPECT_TRUE(f.arriving.is_whole());
}
