// expect: daskify: the captures of this lambda cannot travel
#include <daskify/daskify.hpp>

void test(daskify::daskified& cluster, std::string name) {
  cluster.submit([name](int x) { return name.size() + static_cast<unsigned>(x); }, 1);
}
