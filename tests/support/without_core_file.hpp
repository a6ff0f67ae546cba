#pragma once

#include <sys/resource.h>

namespace daskify::test {

/// For a process that is about to crash: on systems that keep core files, tests of many crashes would fill the disk.
inline void without_core_file() {
  const rlimit none{};
  ::setrlimit(RLIMIT_CORE, &none);
}

} // namespace daskify::test
