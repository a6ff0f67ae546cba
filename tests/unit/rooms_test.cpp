/// The rooms of the library: libdaskify/doc/architecture.md lists them from the top to the bottom, and no file includes
/// one of a room further up.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

std::string text_of(const fs::path& file) {
  std::ifstream stream{file};
  return {std::istreambuf_iterator<char>{stream}, {}};
}

/// The first words of the rows "| `name` | text |", in their order.
std::vector<std::string> rooms_in(const std::string& document) {
  std::vector<std::string> rooms;
  std::regex row{R"(\| `([^`]+)` \|)"};
  for (std::sregex_iterator found{document.begin(), document.end(), row}, end; found != end; ++found)
    rooms.push_back((*found)[1]);
  return rooms;
}

/// The room of a file, by its path below libdaskify/daskify/: its folder ("os/"); where it is in none, itself or, with
/// its source, its stem ("future").
std::string room_of(const fs::path& file, const std::set<std::string>& rooms) {
  if (file.has_parent_path())
    return file.parent_path().string() + "/";
  auto stem = file.stem().string();
  return rooms.contains(stem) ? stem : file.string();
}

using tree = std::map<std::string, std::string>; ///< files, and their texts

/// Includes of rooms further up, and files that are in no room, one line each.
std::vector<std::string> faults_of(const std::vector<std::string>& rooms, const tree& files) {
  std::set<std::string> known{rooms.begin(), rooms.end()};
  auto floor_of = [&](const fs::path& file) {
    return std::find(rooms.begin(), rooms.end(), room_of(file, known)) - rooms.begin();
  };
  std::vector<std::string> faults;
  std::regex include{R"re(#include "daskify/([^"]+)")re"};
  for (const auto& [file, text] : files) {
    if (!known.contains(room_of(file, known)))
      faults.push_back(file + " is in no room");
    for (std::sregex_iterator found{text.begin(), text.end(), include}, end; found != end; ++found)
      if (auto other = (*found)[1].str(); floor_of(other) < floor_of(file))
        faults.push_back(file + " includes " + other);
  }
  return faults;
}

tree sources() {
  fs::path root{DASKIFY_SOURCE_DIR "/libdaskify/daskify"};
  tree files;
  for (const auto& entry : fs::recursive_directory_iterator{root})
    if (entry.is_regular_file())
      files[entry.path().lexically_relative(root).string()] = text_of(entry.path());
  return files;
}

std::vector<std::string> documented_rooms() {
  return rooms_in(text_of(DASKIFY_SOURCE_DIR "/libdaskify/doc/architecture.md"));
}

TEST(rooms, include_nothing_of_a_room_further_up) {
  EXPECT_THAT(faults_of(documented_rooms(), sources()), IsEmpty());
}

TEST(rooms, are_all_there_and_listed_once) {
  auto rooms = documented_rooms();
  std::set<std::string> listed{rooms.begin(), rooms.end()};
  EXPECT_EQ(listed.size(), rooms.size());
  std::set<std::string> used;
  for (const auto& [file, text] : sources())
    used.insert(room_of(file, listed));
  EXPECT_EQ(used, listed);
}

TEST(rooms, are_left_by_a_planted_include) {
  std::vector<std::string> rooms{"top", "high/", "low/", "low/cellar/", "base.hpp"};
  tree files{{"top.cpp", "#include \"daskify/top.hpp\"\n#include \"daskify/low/x.hpp\"\n"},
             {"high/y.cpp", "#include \"daskify/high/y.hpp\"\n#include \"daskify/base.hpp\"\n"},
             {"low/x.hpp", "#include <vector>\n#include \"daskify/low/cellar/z.hpp\"\n"}};
  EXPECT_THAT(faults_of(rooms, files), IsEmpty());
  files["low/x.hpp"] += "#include \"daskify/high/y.hpp\"\n";
  files["low/cellar/z.hpp"] = "#include \"daskify/top.hpp\"\n#include \"daskify/low/x.hpp\"\n";
  files["yard/w.hpp"] = "";
  EXPECT_THAT(faults_of(rooms, files),
              ElementsAre("low/cellar/z.hpp includes top.hpp", "low/cellar/z.hpp includes low/x.hpp",
                          "low/x.hpp includes high/y.hpp", "yard/w.hpp is in no room"));
}

} // namespace
