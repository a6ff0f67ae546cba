// expect: daskify: the function cannot be called with these args
#include <daskify/daskify.hpp>

void f(std::vector<double>& changed);

void test(daskify::daskified& cluster) {
  cluster.submit(f, std::vector<double>{});
}
