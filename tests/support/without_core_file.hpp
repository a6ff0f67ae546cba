#pragma once

#include <sys/resource.h>

namespace daskify::test {

/// For a process that is about to crash: where the system keeps core files, a test of many would fill the disk.
inline void without_core_file() {
  const rlimit none{};
  ::setrlimit(RLIMIT_CORE, &none);
}

} // namespace daskify::test
