// expect: daskify: the function cannot be called with these args
#include <daskify/daskify.hpp>

double f(const std::string& name, double x);

void test(daskify::daskified& cluster) {
  cluster.run(f, daskify::iterables(daskify::range(3)));
}
