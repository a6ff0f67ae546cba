#include "daskify/os/file_descriptor.hpp"
#include "daskify/store/object_table.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <vector>

using namespace daskify;
using namespace daskify::internal;

namespace {

constexpr block_id block{1};
constexpr object_id object{7};

/// A table with an object of so many chunks in a block of its own.
struct table_of_one {
  explicit table_of_one(std::uint64_t chunks) : size{chunks * chunk_size} {
    table.add_block(block, memory());
    table.add(object, {block, 0, size, 0, chunk_checksums(chunks)});
  }

  segment memory() const { return seal_file(create_file("test", size), "test"); }

  std::uint64_t size;
  object_table table;
};

TEST(object_table, makes_an_object_once_for_all_who_pull_its_chunks) {
  table_of_one large{3};
  auto* first = large.table.served(object).get(); // and nobody holds it in between
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(large.table.served(object).get(), first);
}

TEST(object_table, keeps_no_memory_for_those_who_pull) {
  table_of_one large{3};
  std::weak_ptr<chunked_object> served = large.table.served(object);
  EXPECT_FALSE(served.expired());
  large.table.set_disk(block, std::make_shared<const file_descriptor>(create_file("disk", large.size)));
  auto disk = large.table.disk_of(block)->get();
  auto gone = large.table.take_memory(block);
  EXPECT_TRUE(served.expired());
  EXPECT_EQ(gone->file().use_count(), 1);
  EXPECT_EQ(large.table.served(object)->file(), disk) << "it is given from disk now";
}

TEST(object_table, lets_go_of_what_was_served_with_its_object_or_block) {
  for (bool block_first : {true, false}) {
    table_of_one large{3};
    std::weak_ptr<chunked_object> served = large.table.served(object);
    if (block_first)
      static_cast<void>(large.table.take_block(block));
    else
      large.table.remove(object);
    EXPECT_TRUE(served.expired());
  }
}

TEST(object_table, tells_who_pulls_an_object_right_now_that_it_is_gone) {
  table_of_one large{3};
  auto served = large.table.served(object);
  large.table.remove(object);
  EXPECT_TRUE(served->is_closed());
  EXPECT_EQ(large.table.served(object), nullptr);
}

TEST(object_table, keeps_few_objects_ready) {
  object_table table;
  auto memory = seal_file(create_file("test", 2 * chunk_size), "test");
  table.add_block(block, memory);
  std::vector<std::weak_ptr<chunked_object>> served;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    table.add({i}, {block, 0, 2 * chunk_size, 0, chunk_checksums(2)});
    served.push_back(table.served({i}));
  }
  auto kept = std::count_if(served.begin(), served.end(), [](const auto& s) { return !s.expired(); });
  EXPECT_GT(kept, 10);
  EXPECT_LT(kept, 50);
}

TEST(object_table, keeps_nothing_ready_that_is_asked_for_once) {
  table_of_one small{1};
  std::weak_ptr<chunked_object> served = small.table.served(object);
  EXPECT_TRUE(served.expired());
}

} // namespace
