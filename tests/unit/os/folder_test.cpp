#include "daskify/os/folder.hpp"

#include "support/leftovers.hpp"
#include "support/session_failed.hpp"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace daskify::internal;
using namespace daskify::test;
namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(folder, is_made_for_us_alone_and_left_as_it_is_where_it_was_there) {
  temporary_folder base;
  make_folder(base.path() / "a" / "b", "log_directory");
  EXPECT_EQ(fs::status(base.path() / "a" / "b").permissions(), fs::perms::owner_all);
  fs::create_directory(base.path() / "open");
  fs::permissions(base.path() / "open", fs::perms{0755});
  make_folder(base.path() / "open", "log_directory");
  EXPECT_EQ(fs::status(base.path() / "open").permissions(), fs::perms{0755});
}

TEST(folder, that_cannot_be_made_is_named_with_its_option) {
  temporary_folder base;
  std::ofstream{base.path() / "file"};
  expect_failed([&] { make_folder(base.path() / "file" / "a", "log_directory"); },
                "The log_directory '" + (base.path() / "file" / "a").string() + "' cannot be made");
}

TEST(folder, lists_what_is_in_it_by_name) {
  temporary_folder base;
  for (auto name : {"b", "a", ".c"})
    std::ofstream{base.path() / name};
  EXPECT_THAT(entries_of(base.path()),
              ElementsAre(fs::directory_entry{base.path() / ".c"}, fs::directory_entry{base.path() / "a"},
                          fs::directory_entry{base.path() / "b"}));
  EXPECT_THAT(entries_of(base.path() / "nowhere"), IsEmpty());
}

TEST(folder, that_cannot_be_looked_into_is_named) {
  temporary_folder base;
  std::ofstream{base.path() / "file"};
  expect_failed([&] { entries_of(base.path() / "file"); },
                "The folder '" + (base.path() / "file").string() + "' cannot be looked into (Not a directory)");
}
