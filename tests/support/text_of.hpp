#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace daskify::test {

/// All of a file; nothing where there is none.
inline std::string text_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace daskify::test
