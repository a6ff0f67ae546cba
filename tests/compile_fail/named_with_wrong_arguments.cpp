// expect: daskify: the function cannot be called with these args
#include <daskify/daskify.hpp>

void test(daskify::daskified& cluster) {
  daskify::named_function<double(const std::string&, double)> f{"f"};
  cluster.run(f, daskify::iterables(daskify::range(3)));
}
