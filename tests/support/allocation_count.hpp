#pragma once

/// Counts what a program allocates, for tests of how much that is. A program that links allocation_count.cpp has its
/// `operator new` and `operator delete` replaced.

#include <cstddef>

namespace daskify::test {

/// Bytes that are allocated now.
std::size_t allocated();

/// The most bytes that were allocated at one time since the last `forget_peak`.
std::size_t most_allocated();
void forget_peak();

} // namespace daskify::test
