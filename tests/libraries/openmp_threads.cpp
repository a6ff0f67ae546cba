#include "openmp_threads.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace daskify::test {

int openmp_threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 0;
#endif
}

} // namespace daskify::test
