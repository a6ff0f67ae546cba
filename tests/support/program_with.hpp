#pragma once

#include <daskify/daskify.hpp>

#include <string>

namespace daskify::test {

/// Makes a cluster object like a program that was called without arguments.
inline daskified program_with(const options& with, std::string name = "test") {
  char* argv[] = {name.data(), nullptr};
  int argc = 1;
  return {argc, argv, with};
}

} // namespace daskify::test
