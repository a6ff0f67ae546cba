#pragma once

/// Counts the bytes that a program allocates, for tests of its memory use. Linking allocation_count.cpp replaces the
/// program's `operator new` and `operator delete`.

#include <cstddef>

namespace daskify::test {

/// Bytes that are currently allocated.
std::size_t allocated();

/// The maximum of allocated bytes since the last `forget_peak`.
std::size_t most_allocated();
void forget_peak();

} // namespace daskify::test
