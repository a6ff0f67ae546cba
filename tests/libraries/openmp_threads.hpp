#pragma once

namespace daskify::test {

/// How many threads OpenMP would give a parallel region; 0 where the compiler has no OpenMP.
int openmp_threads();

} // namespace daskify::test
