// expect: daskify: the function's result cannot travel back
#include <daskify/daskify.hpp>

int* f(int x);

void test(daskify::daskified& cluster) {
  cluster.submit(f, 3);
}
