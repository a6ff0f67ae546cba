#include "daskify/store/shared_memory.hpp"

#include "daskify/error.hpp"
#include "daskify/os/child_process.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/os/free_memory.hpp"
#include "daskify/text/byte_count.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace daskify;
using namespace daskify::internal;

namespace {

/// Bytes with a period that is no power of two, so that a shifted copy differs.
std::vector<std::byte> sample(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::byte>(i % 251);
  return bytes;
}

segment make_segment(std::span<const std::byte> bytes) {
  segment_writer writer{"sample", bytes.size()};
  writer.write(bytes);
  return std::move(writer).seal();
}

bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

/// Runs `f` in a child process that has no descriptor of ours; true when it returned true.
template <class F>
bool in_another_process(F f) {
  auto child = ::fork();
  if (child == 0) {
    auto ok = false;
    try {
      ok = ::close_range(3, ~0U, 0) == 0 && f();
    } catch (const std::exception& e) {
      std::fputs(e.what(), stderr);
    }
    ::_exit(ok ? 0 : 1);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// The sentence of the data_error with that code that `f` throws; empty otherwise, for use in a child
/// process.
template <class F>
std::string refusal(error_code code, F f) {
  try {
    f();
  } catch (const data_error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    return e.code() == code ? e.what() : "";
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

std::string proc_path(const segment_locator& where) {
  return "/proc/" + std::to_string(where.pid) + "/fd/" + std::to_string(where.fd);
}

/// Open descriptors and mapped objects of this process.
std::pair<std::ptrdiff_t, std::ptrdiff_t> holdings() {
  std::filesystem::directory_iterator open_files{"/proc/self/fd"};
  auto descriptors = std::distance(begin(open_files), end(open_files));
  std::ifstream maps{"/proc/self/maps"};
  std::ptrdiff_t mappings = 0;
  for (std::string line; std::getline(maps, line);)
    mappings += line.find("memfd:daskify") != line.npos ? 1 : 0;
  return {descriptors, mappings};
}

/// Another file at a descriptor's number, in place of the segment that was there.
void put_in_place_of(segment& old, int replacement) {
  ASSERT_EQ(::dup2(replacement, old.locator().fd), old.locator().fd);
}

} // namespace

TEST(shared_memory, travels_to_another_process) {
  auto bytes = sample(1'000'003);
  auto kept = make_segment(bytes);
  EXPECT_EQ(kept.size(), bytes.size());
  EXPECT_TRUE(same(kept.map().view(), bytes));
  EXPECT_TRUE(in_another_process([&, where = kept.locator()] { return same(map_segment(where).view(), bytes); }));
}

TEST(shared_memory, joins_what_is_written_in_pieces) {
  auto bytes = sample(100'000);
  segment_writer writer{"pieces", bytes.size()};
  auto rest = std::span<const std::byte>{bytes};
  for (std::size_t size = 0; !rest.empty(); ++size) {
    auto piece = rest.first(std::min(size, rest.size()));
    writer.write(piece);
    rest = rest.subspan(piece.size());
  }
  EXPECT_TRUE(same(std::move(writer).seal().map().view(), bytes));
}

TEST(shared_memory, holds_an_empty_object) {
  auto kept = make_segment({});
  EXPECT_EQ(kept.size(), 0U);
  EXPECT_TRUE(kept.map().view().empty());
  EXPECT_TRUE(in_another_process([where = kept.locator()] { return map_segment(where).view().empty(); }));
}

TEST(shared_memory, holds_more_than_one_write_call_takes) {
  constexpr std::size_t size = (std::size_t{2} << 30) + 4097;
  if (free_memory().bytes < 2 * size)
    GTEST_SKIP() << "needs " << format_bytes(2 * size) << " of free memory";
  auto* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(address, MAP_FAILED);
  ::madvise(address, size, MADV_HUGEPAGE); // reading untouched memory then takes few page faults
  std::span source{static_cast<std::byte*>(address), size};
  std::array<std::size_t, 5> marks{0, 0x7ffff000 - 1, 0x7ffff000, std::size_t{1} << 31, size - 1};
  for (std::size_t i = 0; i < marks.size(); ++i)
    source[marks[i]] = static_cast<std::byte>(i + 1);
  auto map = make_segment(source).map();
  ::munmap(address, size);
  ASSERT_EQ(map.view().size(), size);
  for (std::size_t i = 0; i < marks.size(); ++i)
    EXPECT_EQ(map.view()[marks[i]], static_cast<std::byte>(i + 1)) << marks[i];
  EXPECT_EQ(map.view()[marks[1] - 1], std::byte{0});
  EXPECT_EQ(map.view()[size - 2], std::byte{0});
}

TEST(shared_memory, outlives_the_writer_once_it_is_opened_or_mapped) {
  auto bytes = sample(5000);
  auto kept = std::make_unique<segment>(make_segment(bytes));
  auto shared = open_segment(kept->locator());
  auto map = map_segment(kept->locator());
  kept.reset();
  EXPECT_TRUE(same(map.view(), bytes));
  EXPECT_TRUE(same(shared.map().view(), bytes));
  EXPECT_TRUE(in_another_process([&, where = shared.locator()] { return same(map_segment(where).view(), bytes); }));
}

TEST(shared_memory, moves_without_unmapping_or_closing_twice) {
  auto first = make_segment(sample(10));
  auto second = make_segment(sample(20));
  second = std::move(first);
  EXPECT_EQ(second.size(), 10U);
  auto map = second.map();
  auto moved = std::move(map);
  EXPECT_TRUE(map.view().empty()); // NOLINT(bugprone-use-after-move)
  map = second.map();
  map = std::move(moved);
  EXPECT_TRUE(same(map.view(), sample(10)));
}

TEST(shared_memory, kills_who_writes_to_a_mapping) {
  auto map = make_segment(sample(100)).map();
  auto write_to_it = [&] {
    std::signal(SIGSEGV, SIG_DFL); // a sanitizer would turn the signal into an exit code
    *const_cast<volatile std::byte*>(map.view().data()) = std::byte{1};
  };
  GTEST_FLAG_SET(death_test_style, "fast");
  EXPECT_EXIT(write_to_it(), testing::KilledBySignal(SIGSEGV), "");
}

TEST(shared_memory, cannot_be_made_writable_again) {
  auto map = make_segment(sample(100)).map();
  EXPECT_NE(::mprotect(const_cast<std::byte*>(map.view().data()), map.view().size(), PROT_READ | PROT_WRITE), 0);
}

TEST(shared_memory, cannot_be_changed_by_another_process_of_the_user) {
  auto bytes = sample(5000);
  auto kept = make_segment(bytes);
  EXPECT_TRUE(in_another_process([where = kept.locator()] {
    auto fd = ::open(proc_path(where).c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0)
      return true;
    auto refused = [](auto result) { return result < 0 && errno == EPERM; };
    return refused(::pwrite(fd, "x", 1, 0)) && refused(::ftruncate(fd, 10)) && refused(::ftruncate(fd, 100'000)) &&
           refused(::pwrite(fd, "x", 1, 100'000)) && refused(::fcntl(fd, F_ADD_SEALS, 0)) &&
           ::mmap(nullptr, 5000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED;
  }));
  EXPECT_TRUE(same(kept.map().view(), bytes));
}

TEST(shared_memory, refuses_to_be_sealed_before_it_is_full) {
  segment_writer writer{"observed", 100};
  writer.write(sample(99));
  auto sentence = refusal(error_code::store_failed, [&] { std::move(writer).seal(); });
  EXPECT_EQ(sentence, "shared memory for 'observed' was announced with 100 bytes but got only 99 bytes");
}

TEST(shared_memory, refuses_more_than_was_announced) {
  auto bytes = sample(100);
  segment_writer writer{"observed", bytes.size()};
  writer.write(std::span{bytes}.first(60));
  refusal(error_code::store_failed, [&] { writer.write(sample(41)); });
  writer.write(std::span{bytes}.subspan(60));
  EXPECT_TRUE(same(std::move(writer).seal().map().view(), bytes));
}

TEST(shared_memory, refuses_sizes_beyond_the_free_memory) {
  for (auto size : {std::uint64_t{1} << 50, std::numeric_limits<std::uint64_t>::max()}) {
    auto sentence = refusal(error_code::no_room, [&] { segment_writer{"observed", size}; });
    EXPECT_NE(sentence.find("'observed' needs " + format_bytes(size)), sentence.npos) << sentence;
  }
}

TEST(shared_memory, refuses_sizes_beyond_the_limit_on_files_instead_of_dying_of_it) {
  EXPECT_TRUE(in_another_process([] {
    rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    make_segment(sample(1000));
    return refusal(error_code::no_room, [] { make_segment(sample(1001)); }).find("ulimit -f") != std::string::npos;
  }));
}

TEST(shared_memory, says_when_there_are_too_many_open_files) {
  EXPECT_TRUE(in_another_process([] {
    // A sanitizer needs descriptors when it looks at the class of an object for the first time.
    refusal(error_code::store_failed, [] { segment_writer{"observed", 0}.write(sample(1)); });
    rlimit limit{3, 3};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    auto sentence = refusal(error_code::store_failed, [] { segment_writer{"observed", 1}; });
    return sentence.find("Too many open files") != sentence.npos && sentence.find("ulimit -n") != sentence.npos;
  }));
}

TEST(shared_memory, is_filled_in_place_and_then_unchangeable) {
  segment_builder builder{"filled", 1'000'003};
  ASSERT_EQ(builder.bytes().size(), 1'000'003u);
  EXPECT_EQ(builder.bytes().back(), std::byte{0});
  auto content = sample(1'000'003);
  std::copy(content.begin(), content.end(), builder.bytes().begin());
  auto made = std::move(builder).seal();
  EXPECT_TRUE(builder.bytes().empty());
  auto mapping = made.map();
  EXPECT_TRUE(std::equal(content.begin(), content.end(), mapping.view().begin(), mapping.view().end()));
  auto elsewhere = map_segment(made.locator());
  EXPECT_EQ(elsewhere.view().size(), content.size());
  EXPECT_TRUE(std::move(segment_builder{"empty", 0}).seal().map().view().empty());
}

TEST(shared_memory, is_refused_where_it_does_not_fit_before_anything_is_written) {
  refusal(error_code::no_room, [] { segment_builder{"too large", std::uint64_t{1} << 50}; });
}

TEST(shared_memory, takes_any_name) {
  for (const std::string& name : {std::string{}, std::string(5000, 'x'), std::string{"a/b\nc\0d", 7}})
    EXPECT_NO_THROW(std::move(segment_writer{name, 0}).seal());
}

TEST(shared_memory, is_gone_with_its_process) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  file_descriptor from_child{ends[0]}, to_parent{ends[1]};
  auto child = ::fork();
  if (child == 0) {
    auto kept = make_segment(sample(100));
    auto where = kept.locator();
    auto sent = ::write(to_parent.get(), &where, sizeof where);
    ::_exit(sent == static_cast<ssize_t>(sizeof where) ? 0 : 1);
  }
  segment_locator where;
  ASSERT_EQ(::read(from_child.get(), &where, sizeof where), static_cast<ssize_t>(sizeof where));
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  refusal(error_code::store_failed, [&] { map_segment(where); }); // ended, but not yet waited for
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  auto sentence = refusal(error_code::store_failed, [&] { map_segment(where); });
  EXPECT_NE(sentence.find("is gone: the process has ended or released the data"), sentence.npos) << sentence;
}

TEST(shared_memory, is_gone_when_its_descriptor_is_closed_or_used_for_another_object) {
  auto kept = std::make_unique<segment>(make_segment(sample(100)));
  auto where = kept->locator();
  kept.reset();
  refusal(error_code::store_failed, [&] { open_segment(where); });

  auto first = make_segment(sample(100)), second = make_segment(sample(100));
  where = first.locator();
  put_in_place_of(first, second.locator().fd);
  auto sentence = refusal(error_code::store_failed, [&] { open_segment(where); });
  EXPECT_NE(sentence.find("another file has taken its place"), sentence.npos) << sentence;
}

TEST(shared_memory, refuses_a_locator_with_another_size) {
  auto kept = make_segment(sample(100));
  for (std::uint64_t size : {std::uint64_t{0}, std::uint64_t{99}, std::uint64_t{101}, ~std::uint64_t{0}}) {
    auto where = kept.locator();
    where.size = size;
    refusal(error_code::store_failed, [&] { open_segment(where); });
  }
}

TEST(shared_memory, refuses_files_that_could_still_change) {
  auto refuse = [](int fd) {
    ASSERT_GE(fd, 0);
    file_descriptor file{fd};
    struct ::stat status {};
    ASSERT_EQ(::fstat(fd, &status), 0);
    segment_locator where{::getpid(), fd, status.st_ino, static_cast<std::uint64_t>(status.st_size)};
    refusal(error_code::store_failed, [&] { open_segment(where); });
  };
  refuse(::memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  auto half_sealed = ::memfd_create("half sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ASSERT_EQ(::fcntl(half_sealed, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW), 0);
  refuse(half_sealed);
  refuse(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  refuse(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  refuse(ends[0]);
  refuse(ends[1]);
}

TEST(shared_memory, refuses_locators_that_point_nowhere) {
  refusal(error_code::store_failed, [] { open_segment({}); });
  refusal(error_code::store_failed, [] { open_segment({-1, -1, 1, 1}); });
  refusal(error_code::store_failed, [] { open_segment({::getpid(), 1'000'000, 1, 1}); });
  refusal(error_code::store_failed, [] { open_segment({std::numeric_limits<std::int32_t>::max(), 0, 1, 1}); });
}

TEST(shared_memory, leaks_neither_descriptors_nor_mappings) {
  auto before = holdings();
  {
    auto kept = make_segment(sample(5000));
    auto map = kept.map();
    auto shared = open_segment(kept.locator());
    auto map_of_another = map_segment(kept.locator());
    auto during = holdings();
    EXPECT_EQ(during.first, before.first + 2);
    EXPECT_EQ(during.second, before.second + 2);

    kept = make_segment(sample(6000));
    map = kept.map();
    auto wrong = kept.locator();
    wrong.inode = ~wrong.inode;
    refusal(error_code::store_failed, [&] { map_segment(wrong); });
    refusal(error_code::store_failed, [] { std::move(segment_writer{"unfinished", 1}).seal(); });
    EXPECT_EQ(holdings(), during);
  }
  EXPECT_EQ(holdings(), before);
}
