#include "daskify/store/spill_file.hpp"

#include "daskify/error.hpp"
#include "daskify/os/file_descriptor.hpp"

#include "support/leftovers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>

namespace daskify::internal {
namespace {

namespace fs = std::filesystem;

std::vector<std::byte> noise(std::size_t size) {
  std::mt19937 random{3};
  std::vector<std::byte> bytes(size);
  for (auto& b : bytes)
    b = static_cast<std::byte>(random());
  return bytes;
}

struct spill_file : testing::Test {
  test::temporary_folder folder;
  std::vector<std::byte> bytes = noise(2 * chunk_size + 4'321);
  segment memory = make(bytes);
  std::vector<piece_of_block> whole{{0, bytes.size(), checksums_of_chunks(bytes)}};

  static segment make(std::span<const std::byte> of) {
    segment_writer writer{"x", of.size()};
    writer.write(of);
    return std::move(writer).seal();
  }

  error_code problem_of(const file_descriptor& file) {
    try {
      load_from_disk(file, whole);
      return error_code::none;
    } catch (const data_error& e) {
      EXPECT_GT(std::string{e.what()}.size(), 20u);
      return e.code();
    }
  }
};

TEST_F(spill_file, comes_back_as_it_left_and_has_no_name) {
  auto file = spill_to_disk(folder.path() / "new" / "folder", memory).file;
  EXPECT_TRUE(fs::is_empty(folder.path() / "new" / "folder"));
  struct stat status {};
  ASSERT_EQ(::stat((folder.path() / "new" / "folder").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  auto back = load_from_disk(file, whole).map();
  ASSERT_EQ(back.view().size(), bytes.size());
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), back.view().begin()));
}

TEST_F(spill_file, of_several_objects_is_checked_object_by_object) {
  std::vector<piece_of_block> parts;
  std::span<const std::byte> all = bytes;
  for (std::uint64_t at : {0u, 64u, 5'000u, 1'500'000u})
    parts.push_back({at, 40, checksums_of_chunks(all.subspan(at, 40))});
  auto file = spill_to_disk(folder.path(), memory).file;
  EXPECT_EQ(load_from_disk(file, parts).size(), bytes.size());
  char other = 'x';
  ASSERT_EQ(::pwrite(file.get(), &other, 1, 5'039), 1);
  EXPECT_THROW(load_from_disk(file, parts), data_error);
  parts.erase(parts.begin() + 2);
  EXPECT_EQ(load_from_disk(file, parts).size(), bytes.size()) << "nobody has an object there any more";
}

TEST_F(spill_file, that_was_damaged_is_found_out) {
  auto file = spill_to_disk(folder.path(), memory).file;
  char byte = 0;
  ASSERT_EQ(::pread(file.get(), &byte, 1, chunk_size + 17), 1);
  byte = static_cast<char>(byte ^ 4);
  ASSERT_EQ(::pwrite(file.get(), &byte, 1, chunk_size + 17), 1);
  EXPECT_EQ(problem_of(file), error_code::object_lost);
}

TEST_F(spill_file, that_was_cut_short_is_found_out) {
  auto file = spill_to_disk(folder.path(), memory).file;
  ASSERT_EQ(::ftruncate(file.get(), 100), 0);
  EXPECT_EQ(problem_of(file), error_code::object_lost);
}

TEST_F(spill_file, cannot_be_where_there_is_no_folder) {
  for (const char* nowhere : {"/proc/no", "/dev/null"}) {
    try {
      spill_to_disk(nowhere, memory);
      FAIL() << nowhere;
    } catch (const data_error& e) {
      EXPECT_NE(std::string{e.what()}.find(nowhere), std::string::npos) << e.what();
    }
  }
}

TEST_F(spill_file, says_that_the_disk_is_full) {
  // /dev/full is no folder; a limit on the size of files has the same effect as a full disk.
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto old = ::signal(SIGXFSZ, SIG_IGN);
  struct rlimit small = before;
  small.rlim_cur = chunk_size;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  try {
    spill_to_disk(folder.path(), memory);
    ADD_FAILURE();
  } catch (const data_error& e) {
    EXPECT_EQ(e.code(), error_code::no_room);
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, old);
}

TEST_F(spill_file, leaves_the_reserve_on_the_disk_unless_it_may_use_it) {
  constexpr std::uint64_t more_than_any_disk_has = std::uint64_t{1} << 60;
  try {
    spill_to_disk(folder.path(), memory, more_than_any_disk_has);
    ADD_FAILURE();
  } catch (const data_error& e) {
    EXPECT_EQ(e.code(), error_code::no_room);
    EXPECT_NE(std::string{e.what()}.find("stay free"), std::string::npos) << e.what();
  }
  auto used = spill_to_disk(folder.path(), memory, more_than_any_disk_has, true);
  EXPECT_GT(used.missing, std::uint64_t{1} << 59);
  EXPECT_EQ(load_from_disk(used.file, whole).size(), bytes.size());
  EXPECT_EQ(spill_to_disk(folder.path(), memory, 1).missing, 0U);
}

} // namespace
} // namespace daskify::internal
