// expect: wrap plain values in args
#include <daskify/daskify.hpp>

int f(int x);

void test(daskify::daskified& cluster) {
  cluster.run(f, 3);
}
