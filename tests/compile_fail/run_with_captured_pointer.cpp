// expect: daskify: the captures of this lambda cannot travel
#include <daskify/daskify.hpp>

void test(daskify::daskified& cluster, int* where) {
  cluster.submit([where](int x) { return x + *where; }, 1);
}
