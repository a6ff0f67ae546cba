#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace daskify::test {

/// The content of a file; empty if there is no file.
inline std::string text_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace daskify::test
